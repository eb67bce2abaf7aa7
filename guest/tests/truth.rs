//! Backtraces of the images of a small kernel, against what its source and the guest itself say.

use ia64save_codec::image::{Image, Options};
use ia64save_codec::memory::Memory as Pages;
use ia64save_codec::translate::View;
use ia64save_corpus::files::{Guestk, guestk_program, guestks};
use ia64save_guest::backtrace::{Backtrace, Programs, Start, backtrace, blocked};
use ia64save_guest::program::{Object, Program};
use ia64save_guest::vcpu::registers;
use serde_json::Value;

/// Frames of a backtrace, as truth has them: a subset of the arguments of assembler functions.
fn hold(name: &str, trace: &Backtrace, truth: &[Value]) {
    let own: Vec<&str> = trace
        .frames
        .iter()
        .map(|frame| frame.function.as_deref().unwrap_or("?"))
        .collect();
    let expected: Vec<&str> = truth
        .iter()
        .map(|frame| frame["function"].as_str().or(frame.as_str()).unwrap())
        .collect();
    assert_eq!(own, expected, "{name}: {}", trace.ended);
    for (frame, truth) in trace.frames.iter().zip(truth) {
        let Some(arguments) = truth["arguments"].as_object() else {
            continue;
        };
        for (argument, expected) in arguments {
            let own = frame.arguments.iter().find(|own| own.name == *argument);
            let own = own.unwrap_or_else(|| panic!("{name}: {frame:#x?} has no {argument}"));
            let own = own.value.as_ref().map(ToString::to_string);
            assert_eq!(
                own.as_deref(),
                expected.as_str(),
                "{name}: {frame:#x?} {argument}"
            );
        }
        if frame.line.is_some() {
            // What is passed to no one and used by no one truth does not have.
            let own = frame.arguments.iter().filter(|own| own.name != "unused");
            assert_eq!(own.count(), arguments.len(), "{name}: {frame:#x?}");
        }
    }
    assert!(trace.ended.contains("outermost"), "{name}: {}", trace.ended);
}

fn each(look: impl Fn(&Guestk, &Image, &Programs<'_>)) {
    for guestk in guestks() {
        let bytes = guestk.bytes();
        let image = Image::parse(&bytes, &Options::default());
        let files = [guestk.kernel(), guestk_program("user")];
        let objects = files.each_ref().map(|file| Object::parse(file).unwrap());
        let programs = objects.iter().map(|object| Program::new(object).unwrap());
        look(&guestk, &image, &Programs::new(programs.collect()));
    }
}

#[test]
fn every_vcpu_has_its_whole_backtrace_with_arguments() {
    each(|guestk, image, programs| {
        let memory = Pages::new(image, 0);
        for truth in guestk.truth["vcpus"].as_array().unwrap() {
            let id = truth["vcpu"].as_u64().unwrap();
            let vcpu = &image.checkpoints[0].vcpus[id as usize];
            let view = View::of_vcpu(&memory, 0, vcpu).unwrap();
            let start = Start::Vcpu(registers(image, vcpu, &view).unwrap());
            let trace = backtrace(&start, &view, programs, 1000);
            let name = format!("{} vcpu {id}", guestk.name);
            hold(&name, &trace, truth["backtrace"].as_array().unwrap());
        }
    });
}

#[test]
fn every_blocked_task_has_its_backtrace() {
    let word = |value: &Value| {
        let text = value.as_str().unwrap().trim_start_matches("0x");
        u64::from_str_radix(text, 16).unwrap()
    };
    each(|guestk, image, programs| {
        let memory = Pages::new(image, 0);
        let view = View::new(&memory, 0, 0).unwrap();
        for truth in guestk.truth["blocked"].as_array().unwrap() {
            let start = blocked(word(&truth["ksp"]), &view, programs).unwrap();
            let trace = backtrace(&Start::Blocked(start), &view, programs, 1000);
            let name = format!("{} pid {}", guestk.name, truth["pid"]);
            hold(&name, &trace, truth["backtrace"].as_array().unwrap());
        }
    });
}
