//! What a kernel keeps about itself, against what the guest itself and its source say.

use ia64save_codec::image::{Image, Options};
use ia64save_codec::memory::Memory as Pages;
use ia64save_codec::translate::View;
use ia64save_corpus::files::{Guestk, guestk_program, guestks};
use ia64save_guest::backtrace::Programs;
use ia64save_guest::linux::{Error, Fit, Kernel, Line, found};
use ia64save_guest::program::{Object, Program};
use serde_json::Value;

const MOST: usize = 10_000;

fn each(look: impl Fn(&Guestk, &Kernel<'_>, &Pages<'_>)) {
    for guestk in guestks() {
        let bytes = guestk.bytes();
        let image = Image::parse(&bytes, &Options::default());
        let memory = Pages::new(&image, 0);
        let view = View::new(&memory, 0, 0).unwrap();
        let file = guestk.kernel();
        let object = Object::parse(&file).unwrap();
        let programs = Programs::new(vec![Program::new(&object).unwrap()]);
        look(&guestk, &Kernel::new(&view, &programs, MOST), &memory);
    }
}

fn word(value: &Value) -> u64 {
    let text = value.as_str().unwrap().trim_start_matches("0x");
    u64::from_str_radix(text, 16).unwrap()
}

/// The text that lines were made of.
fn text_of(lines: &[Line]) -> String {
    let line = |line: &Line| {
        let level = line
            .level
            .map_or(String::new(), |level| format!("<{level}>"));
        let time = line.time.as_ref();
        let time = time.map_or(String::new(), |time| format!("[{time:>12}] "));
        format!("{level}{time}{}\n", line.text)
    };
    lines.iter().map(line).collect()
}

#[test]
fn the_log_is_what_came_out_of_the_console() {
    each(|guestk, kernel, memory| {
        let log = kernel.log().unwrap();
        let truth = &guestk.truth["log"];
        assert_eq!(text_of(&log.lines), truth["text"].as_str().unwrap());
        assert_eq!(Some(log.wrapped), truth["wrapped"].as_bool());
        assert_eq!(log.broken, None);
        // And without the kernel's file.
        let found = found(memory);
        let (_, lines) = found.log.unwrap();
        assert_eq!(text_of(&lines), truth["text"].as_str().unwrap());
        let (_, banner) = found.banner.unwrap();
        assert_eq!(Some(banner.as_str()), guestk.truth["banner"].as_str());
    });
}

#[test]
fn every_process_is_found_with_its_directory() {
    each(|guestk, kernel, _| {
        let tasks = kernel.tasks().unwrap();
        assert_eq!(tasks.broken, None);
        let truth = guestk.truth["processes"].as_array().unwrap();
        assert_eq!(tasks.tasks.len(), truth.len());
        for (task, truth) in tasks.tasks.iter().zip(truth) {
            assert_eq!(Some(task.pid), truth["pid"].as_u64());
            assert_eq!(Some(task.comm.as_str()), truth["comm"].as_str());
            assert_eq!(task.task, word(&truth["task"]));
            let directory = truth.get("pgd_pa").map(word);
            assert_eq!(task.pgd, directory);
            assert_eq!(task.kernel, directory.is_none());
            match directory {
                Some(directory) => assert_eq!(kernel.directory_of(task.pid), Ok(directory)),
                None => assert!(kernel.directory_of(task.pid).is_err()),
            }
        }
        // From the source: who started whom, and what waits.
        let parents: Vec<(u64, u64)> = tasks.tasks.iter().map(|t| (t.pid, t.ppid)).collect();
        assert_eq!(parents, [(0, 0), (1, 0), (2, 0), (3, 0), (41, 1), (42, 1)]);
        let init = &tasks.tasks[1];
        assert_eq!(init.state.letter(), 'S');
        let nobody = Error::NoProcess {
            pid: 7,
            known: vec![0, 1, 2, 3, 41, 42],
            more: 0,
            broken: None,
        };
        assert_eq!(
            nobody.to_string(),
            "no process has the number 7; there are 0, 1, 2, 3, 41, 42"
        );
        assert_eq!(kernel.task(7), Err(nobody));
        for blocked in guestk.truth["blocked"].as_array().unwrap() {
            let task = kernel.task_at(word(&blocked["task"])).unwrap();
            assert_eq!(task.ksp, Some(word(&blocked["ksp"])));
        }
    });
}

#[test]
fn what_the_kernel_says_about_itself() {
    each(|guestk, kernel, _| {
        let info = kernel.info();
        assert_eq!(info.troubles, [""; 0]);
        assert_eq!(info.banner.as_deref(), guestk.truth["banner"].as_str());
        let uname = info.uname.unwrap();
        let truth = &guestk.truth["uname"];
        for (own, name) in [
            (&uname.sysname, "sysname"),
            (&uname.nodename, "nodename"),
            (&uname.release, "release"),
            (&uname.version, "version"),
            (&uname.machine, "machine"),
            (&uname.domainname.unwrap(), "domainname"),
        ] {
            assert_eq!(Some(own.as_str()), truth[name].as_str());
        }
        let time = info.time.unwrap();
        let xtime = &guestk.truth["values"]["xtime"];
        assert_eq!(Some(time.seconds), xtime[0].as_i64());
        assert_eq!(Some(time.nanoseconds.into()), xtime[1].as_u64());
        // wall_to_monotonic is -1228132700 seconds and 750000000 nanoseconds, by the source.
        let boot = info.boot_time.unwrap();
        assert_eq!(
            (boot.seconds, boot.nanoseconds),
            (1_228_132_699, 250_000_000)
        );
        let vcpus = guestk.truth["vcpus"].as_array().unwrap().len();
        assert_eq!(info.cpus, Some(vcpus as u32));
        assert!(matches!(kernel.fit(), Fit::Fits(_)));
    });
}

#[test]
fn modules_are_listed() {
    each(|guestk, kernel, _| {
        let modules = kernel.modules().unwrap();
        let truth = &guestk.truth["module"];
        let [module] = &modules.modules[..] else {
            panic!("{modules:?}")
        };
        assert_eq!(Some(module.name.as_str()), truth["name"].as_str());
        assert_eq!(module.core, word(&truth["core"]));
        assert_eq!(Some(module.size), truth["core_size"].as_u64());
    });
}

#[test]
fn areas_hold_the_memory_that_a_process_has() {
    each(|guestk, kernel, _| {
        for truth in guestk.truth["processes"].as_array().unwrap() {
            let task = kernel.task(truth["pid"].as_u64().unwrap()).unwrap();
            let Some(known) = truth["memory"].as_array() else {
                assert!(kernel.maps(&task).is_err());
                continue;
            };
            let maps = kernel.maps(&task).unwrap();
            assert_eq!(maps.broken, None);
            for known in known {
                let address = word(&known["va"]);
                let mut areas = maps.areas.iter();
                let area = areas.find(|area| (area.start..area.end).contains(&address));
                assert!(area.is_some(), "{} {address:#x} {maps:#x?}", guestk.name);
            }
        }
    });
}

#[test]
fn a_program_is_no_kernel_and_another_kernel_does_not_fit() {
    let guestk = &guestks()[0];
    let bytes = guestk.bytes();
    let image = Image::parse(&bytes, &Options::default());
    let memory = Pages::new(&image, 0);
    let view = View::new(&memory, 0, 0).unwrap();
    let fit = |file: &[u8]| {
        let object = Object::parse(file).unwrap();
        let programs = Programs::new(vec![Program::new(&object).unwrap()]);
        Kernel::new(&view, &programs, MOST).fit()
    };
    assert_eq!(fit(&guestk_program("user")), Fit::NoBanner);
    let mut other = guestk.kernel().to_vec();
    let banner = b"Linux version 2.6.28-guestk (";
    let at = other
        .windows(banner.len())
        .position(|w| w == banner)
        .unwrap();
    other[at + 14] = b'3';
    let Fit::Differs { file, memory } = fit(&other) else {
        panic!("it has another banner")
    };
    assert!(file.starts_with("Linux version 3.6") && memory.starts_with("Linux version 2.6"));
}
