//! What runs inside a real Xen: a line for each test, and an exit code.
//!
//! | room | what lives there |
//! |---|---|
//! | [`x86`] | the generic hypercalls as Xen 4.17 on x86 has them, over the driver's transport |
//! | [`guest`] | a guest whose memory can be foretold |
//! | [`calls`] | every generic call, as it succeeds and as it fails |
//! | [`behaviours`] | what a real Xen does and a mock would not |
//! | [`ioctls`] | privcmd's ioctls one by one |
//! | [`numbers`] | what batches are worth |
//! | [`report`] | what a test is, and how it is told |

mod behaviours;
mod calls;
mod guest;
mod ioctls;
mod numbers;
mod report;
mod x86;

use std::process::ExitCode;

use ia64save_xen::privcmd::Privcmd;
use report::Report;
use x86::Xen;

fn main() -> ExitCode {
    let mut report = Report::new(std::env::args().skip(1).collect());
    let mut transport = match Privcmd::open() {
        Ok(transport) => transport,
        Err(error) => {
            println!("FAILED privcmd: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut xen = Xen {
        transport: &mut transport,
    };
    for (name, test) in [calls::TESTS, behaviours::TESTS, ioctls::TESTS].concat() {
        report.run(name, || test(&mut xen));
    }
    report.run("numbers", || numbers::measure(&mut xen, "privcmd"));
    if report.end() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
