//! What runs inside a real Xen: a line for each test, and an exit code.
//!
//! | room | what lives there |
//! |---|---|
//! | [`x86`] | the generic hypercalls as Xen 4.17 on x86 has them, over the driver's transport |
//! | [`guest`] | a guest whose memory can be foretold |
//! | [`calls`] | every generic call, as it succeeds and as it fails |
//! | [`behaviours`], [`zombie`] | what a real Xen does and a mock would not |
//! | [`report`] | what a test is, and how it is told |

mod behaviours;
mod calls;
mod guest;
mod profile;
mod report;
mod tmp_privcmd;
mod x86;
mod zombie;

use std::process::ExitCode;

use report::Report;
use x86::Xen;

fn main() -> ExitCode {
    let mut report = Report::new(std::env::args().skip(1).collect());
    let mut transport = tmp_privcmd::P::open();
    let mut xen = Xen {
        transport: &mut transport,
    };
    for (name, test) in [calls::TESTS, behaviours::TESTS, zombie::TESTS].concat() {
        report.run(name, || test(&mut xen));
    }
    if report.end() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
