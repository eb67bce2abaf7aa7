//! The end that gives a domain away.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::time::Duration;

use ia64save::document::name::{MigrationOutcomeName, SimulateMigrateName};
use ia64save::document::simulate::SimulateMigrate;
use ia64save::document::xen::MigrationOutcome;
use ia64save::migration::{Address, Broken, Connection, Target, said, secret, speak, token};
use ia64save::signals::{self, Guard};
use ia64save_codec::envelope::xend_header;
use ia64save_codec::transfer::migration::{Outcome as Became, SourceEnd, SourceFate};
use ia64save_codec::transfer::observer::Pass;
use ia64save_codec::transfer::ports::Domain as _;
use ia64save_codec::transfer::resume::{ResumeMode, resume};
use ia64save_codec::transfer::save::{Options, Save as Engine, Saved};
use ia64save_codec::transfer::{Cancel, Cause};
use ia64save_sim::SimSource;

use super::super::args::{Migrate, ProtocolName};
use super::super::domain::{self, Made};
use super::super::sink::Writing;
use super::super::summary::{Summary, Watch};
use crate::cli::args::Format;
use crate::cli::exit::{Failure, Outcome};
use crate::cli::progress::Progress;
use crate::cli::render::json::print_json;
use crate::cli::render::style::{self, ERROR, HEADING, OK, Painted, WARNING};

/// What became of a domain that was to be moved.
pub struct Report {
    /// For people.
    pub text: String,
    /// For scripts.
    pub document: SimulateMigrate,
    /// How the command ends.
    pub end: Result<Outcome, Failure>,
}

/// Runs the command.
pub fn run(args: &Migrate, address: &Address) -> Result<Outcome, Failure> {
    let report = send(args, address)?;
    match args.format {
        Format::Text => write!(style::stdout(), "{}", report.text)?,
        format => print_json(&report.document, format)?,
    }
    report.end
}

/// The other end.
fn target<'a>(args: &Migrate, address: &'a Address) -> Result<Target<'a>, Failure> {
    Ok(Target {
        address,
        patience: Duration::from_secs(args.wait),
        secret: args.secret_file.as_deref().map(secret).transpose()?,
    })
}

/// Asks what became of an earlier migration.
pub fn ask(args: &Migrate, address: &Address) -> Result<Outcome, Failure> {
    let Some(token) = args.ask else {
        return Ok(Outcome::Fine);
    };
    let answer = target(args, address)?.ask(token)?;
    let became = said(&answer);
    let name = match became {
        Became::Running => "running",
        Became::Destroyed => "destroyed",
        Became::Unknown => "unknown",
    };
    match args.format {
        Format::Text => {
            let why = match answer {
                SourceFate::InDoubt(why) => format!(": {why}"),
                _ => String::new(),
            };
            writeln!(style::stdout(), "migration {token}: {name}{why}")?;
        }
        format => {
            let outcome = MigrationOutcome {
                schema: MigrationOutcomeName,
                migration: token.to_string(),
                at: address.to_string(),
                outcome: name,
            };
            print_json(&outcome, format)?;
        }
    }
    Ok(match became {
        Became::Running | Became::Destroyed => Outcome::Fine,
        Became::Unknown => Outcome::Invalid,
    })
}

/// Simulated guests take a cancelled suspension.
const MODE: Option<ResumeMode> = Some(ResumeMode::Cancel);

/// Makes a domain and moves it.
pub fn send(args: &Migrate, address: &Address) -> Result<Report, Failure> {
    let made = Made::new(&args.domain, &args.transfer)?;
    let target = target(args, address)?;
    let token = token()?;
    let dialect = args.domain.dialect.dialect();
    let end = match args.protocol {
        ProtocolName::Acknowledged => {
            SourceEnd::new(token, dialect).with_secret(target.secret.clone())
        }
        ProtocolName::Xend => SourceEnd::xend(),
    };
    let mut source = SimSource::new(&made.host, made.domid);
    let connection = address.connect(target.patience)?;
    let guard = Guard::new(
        "the migration; the domain goes on here unless it runs there already",
        "the simulated domain here goes with the process",
    )?;
    let mut sent = None;
    let mut fate = speak(
        end,
        connection,
        |connection, end| {
            let result = stream(args, &made, &mut source, connection, end);
            result.map(|whole| sent = Some(whole))
        },
        || {},
    );
    if args.protocol == ProtocolName::Acknowledged {
        fate = target.settle(token, fate);
    }
    drop(guard);
    let done = match &fate {
        SourceFate::Gone => source.destroy().map_err(Cause::from),
        SourceFate::Stays(_) => resume(&mut source, MODE),
        SourceFate::InDoubt(_) => Ok(()),
    };
    let (text, document) = report(args, &fate, sent.as_ref(), &made);
    let failed = |text: String| Err(Failure::Io(io::Error::other(format!("{address}: {text}"))));
    let end = match (done, fate) {
        (Err(error), _) => failed(format!("the domain here: {error}")),
        (Ok(()), SourceFate::Gone) => Ok(Outcome::Fine),
        (Ok(()), SourceFate::Stays(why)) => failed(format!("the domain was not moved: {why}")),
        (Ok(()), SourceFate::InDoubt(why)) => failed(format!(
            "nobody knows whether the domain runs there: {why}; migration {token}"
        )),
    };
    Ok(Report {
        text,
        document,
        end,
    })
}

/// What was sent.
struct Sent {
    saved: Saved,
    stretches: Vec<Pass>,
}

/// Saves the domain into the connection, as an xend file.
fn stream(
    args: &Migrate,
    made: &Made,
    source: &mut SimSource,
    connection: &mut Connection,
    end: &mut SourceEnd,
) -> Result<Sent, Broken> {
    let framed = args.protocol == ProtocolName::Acknowledged;
    let mut writing = Writing::new(connection).framed(framed);
    let broken = |_| Broken::Connection;
    let header = xend_header(made.config()).map_err(|error| Broken::Save(error.to_string()))?;
    writing.write(&header).map_err(broken)?;
    let progress = Progress::new("simulate migrate", None);
    let page_size = made.host.machine().page_size;
    let mut watch = Watch::new(&progress, page_size, 0);
    let options = Options::default()
        .live(!args.suspend_first)
        .resume_mode(MODE);
    let saved = {
        let mut sink = domain::link(&args.transfer, &made.host, &mut writing);
        Engine::new(source, &mut sink)
            .options(options)
            .policy(domain::policy(&args.transfer).as_mut())
            .observer(&mut watch)
            .cancel(Cancel::on(signals::flag()))
            .run()
    };
    let saved = saved.map_err(|error| {
        if writing.error.is_some() {
            Broken::Connection
        } else if error.cause == Cause::Cancelled {
            Broken::Save(format!("by {}: {error}", signals::name()))
        } else {
            Broken::Save(error.to_string())
        }
    })?;
    end.imaged();
    if let Some(record) = made.device_model() {
        writing.write(&record).map_err(broken)?;
    }
    Ok(Sent {
        saved,
        stretches: watch.stretches,
    })
}

fn report(
    args: &Migrate,
    fate: &SourceFate,
    sent: Option<&Sent>,
    made: &Made,
) -> (String, SimulateMigrate) {
    let summary = sent.map(|sent| Summary {
        policy: args.transfer.policy.name(),
        workload: (args.transfer.workload.name(), args.transfer.rate),
        live: !args.suspend_first,
        saved: &sent.saved,
        stretches: &sent.stretches,
        page_size: made.host.machine().page_size,
    });
    let (name, why) = match fate {
        SourceFate::Gone => ("gone", None),
        SourceFate::Stays(why) => ("stays", Some(why)),
        SourceFate::InDoubt(why) => ("in_doubt", Some(why)),
    };
    let mut text = String::new();
    if let Some(summary) = summary.as_ref().filter(|_| *fate == SourceFate::Gone) {
        let _ = writeln!(text, "{}\n\n{summary}", Painted(HEADING, "migration"));
    }
    let said = match fate {
        SourceFate::Gone => Painted(OK, "source: the domain runs there, and is destroyed here"),
        SourceFate::Stays(_) => Painted(ERROR, "source: the domain runs on here"),
        SourceFate::InDoubt(_) => Painted(WARNING, "source: the domain stays suspended here"),
    };
    let _ = writeln!(text, "{said}");
    let document = SimulateMigrate {
        schema: SimulateMigrateName,
        end: "source",
        fate: name,
        reason: why.map(ToString::to_string),
        sent: summary.map(|summary| summary.document()),
        left: None,
    };
    (text, document)
}
