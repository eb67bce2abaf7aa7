//! `xen migrate`: a domain moves to another host.
//!
//! ```text
//!   this host                                       another: xend, or who acknowledges
//!   SourceEnd   <---- a connection ---->  its end   who does what next: transfer::migration
//!   Save                                  a restore
//! ```
//!
//! The domain here is destroyed when the other end has said that its own runs, and not before. Where
//! nobody can say it stays suspended, and a person decides, who can ask again: `--ask`, or `xen recover`.

use std::cell::RefCell;
use std::io::{self, Write as _};
use std::time::Duration;

use ia64save::document::name::{MigrationOutcomeName, XenMigrateName};
use ia64save::document::transfer::SavedDocument;
use ia64save::document::xen::{MigrationOutcome, XenMigrate};
use ia64save::migration::{Address, Broken, Connection, Target, said, secret, speak, token};
use ia64save::signals::{self, Guard};
use ia64save_codec::envelope::xend_header;
use ia64save_codec::transfer::migration::{Outcome as Became, SourceEnd, SourceFate, Token};
use ia64save_codec::transfer::ports::{Domain as _, Sink as _};
use ia64save_codec::transfer::resume::{ResumeMode, resume};
use ia64save_codec::transfer::save::{Options, Save as Engine, Saved};
use ia64save_codec::transfer::{Cancel, Cause, Observer};
use serde_json::json;

use super::args::{Migrate, ProtocolName};
use super::host;
use super::save::{contents, device_model};
use super::sink::Written;
use super::unfinished::{Record, Unfinished};
use crate::cli::args::Format;
use crate::cli::exit::{Failure, Outcome};
use crate::cli::progress::Progress;
use crate::cli::render::json::{line, print_json};
use crate::cli::render::size::counted;
use crate::cli::render::style;

/// Where xend listens for domains.
const PORT: u16 = 8002;

/// Runs the command.
pub fn run(args: &Migrate) -> Result<Outcome, Failure> {
    let address = address(&args.to)?;
    let target = Target {
        address: &address,
        patience: Duration::from_secs(args.wait),
        secret: args.secret_file.as_deref().map(secret).transpose()?,
    };
    if let Some(token) = args.ask {
        return ask(args, &target, token);
    }
    refuse(args)?;
    let unfinished = Unfinished::of(&args.host);
    unfinished.offer();
    let mut xen = host::open(&args.host)?;
    host::savable(&mut xen, args.domain, &args.suspending)?;
    let front = match &args.config {
        Some(config) => xend_header(&contents(config)?)?,
        None => return Err(Failure::Usage("--config names the configuration".into())),
    };
    let dialect = xen.release().dialect;
    let mut toolstack = host::toolstack(&args.suspending)?;
    let mode = args.way_back.mode(args.domain, toolstack.as_mut())?;
    let mut source = host::source(xen, args.domain, toolstack, &args.suspending);
    if !args.accept_loss {
        host::needs_way_back(args.domain, &mut source, mode)?;
    }
    let connection = address.connect(target.patience)?;
    let token = token()?;
    let acknowledged = args.protocol == ProtocolName::Acknowledged;
    let end = match args.protocol {
        ProtocolName::Acknowledged => {
            SourceEnd::new(token, dialect).with_secret(target.secret.clone())
        }
        ProtocolName::Xend => SourceEnd::xend(),
    };
    let domain = args.domain;
    let guard = Guard::new(
        &format!("the migration of domain {domain}, which goes on unless it runs there already"),
        &format!(
            "domain {domain} may stay suspended, with log-dirty on; {} mends it",
            unfinished.remedy(domain)
        ),
    )?;
    let mut record = unfinished.begin("migrate", domain);
    record.add(&json!({
        "to": address.to_string(),
        "migration": acknowledged.then(|| token.to_string()),
    }));
    let record = RefCell::new(record);
    let mut sent = None;
    let mut fate = speak(
        end,
        connection,
        |connection, end| {
            let source = (&mut source, mode);
            let saved = stream(args, &front, source, connection, end, &record);
            saved.map(|saved| sent = Some(saved))
        },
        // From here on only the other end may know; before, it has nothing that it could tell.
        || record.borrow_mut().add(&json!({ "given": true })),
    );
    let record = record.into_inner();
    if acknowledged {
        fate = target.settle(token, fate);
    }
    let failed = |cause: Cause| host::refused(args.domain, &cause);
    let done = match &fate {
        SourceFate::Gone => source.destroy().map_err(Cause::from),
        SourceFate::Stays(_) => resume(&mut source, mode),
        SourceFate::InDoubt(_) => Ok(()),
    };
    // Whatever became of the domain here, a script is told where it runs.
    let told = if args.format == Format::Text {
        Ok(())
    } else {
        let document = account(args, &address, &fate, sent.as_ref(), token);
        if args.suspending.suspend_dialogue {
            line(&document).and_then(|line| writeln!(io::stderr(), "{line}"))
        } else {
            print_json(&document, args.format)
        }
    };
    if done.is_err() || matches!(fate, SourceFate::InDoubt(_)) {
        record.keep();
    }
    drop(guard);
    done.map_err(failed)?;
    match fate {
        SourceFate::Gone => {
            if args.format == Format::Text {
                let saved = sent.map_or_else(String::new, |saved| {
                    let down = saved.downtime().as_secs_f64();
                    format!(": {}, down for {down:.3} s", counted(saved.sent, "page"))
                });
                let text = format!(
                    "domain {} runs at {address}, and is destroyed here{saved}",
                    args.domain
                );
                writeln!(style::stderr(), "{text}")?;
            }
            // Only now: what became of the domain matters more than who was told.
            told?;
            Ok(Outcome::Fine)
        }
        SourceFate::Stays(why) => {
            let text = format!(
                "{address}: domain {} was not moved, and goes on here: {why}",
                args.domain
            );
            Err(io::Error::other(text).into())
        }
        SourceFate::InDoubt(why) => {
            let decide = if acknowledged {
                format!(
                    "migration {token}; {} asks there again",
                    unfinished.remedy(domain)
                )
            } else {
                let remedy = unfinished.remedy(domain);
                format!("look there, then decide: {remedy} with --resume or --destroy")
            };
            let text = format!(
                "{address}: nobody knows whether domain {domain} runs there; it stays suspended here: {why}; {decide}"
            );
            Err(io::Error::other(text).into())
        }
    }
}

/// For scripts.
fn account(
    args: &Migrate,
    address: &Address,
    fate: &SourceFate,
    sent: Option<&Saved>,
    token: Token,
) -> XenMigrate {
    let (fate, why) = match fate {
        SourceFate::Gone => ("gone", None),
        SourceFate::Stays(why) => ("stays", Some(why)),
        SourceFate::InDoubt(why) => ("in_doubt", Some(why)),
    };
    XenMigrate {
        schema: XenMigrateName,
        domain: args.domain,
        to: address.to_string(),
        fate,
        reason: why.map(ToString::to_string),
        live: !args.suspend_first,
        policy: args.transfer.policy.name(),
        saved: sent.map(SavedDocument::from),
        migration: token.to_string(),
    }
}

/// What cannot be done with the domain's safety in mind.
fn refuse(args: &Migrate) -> Result<(), Failure> {
    if args.protocol == ProtocolName::Acknowledged || args.trust_output {
        return Ok(());
    }
    let text = "xend's protocol acknowledges nothing: a target that fails late closes like one that \
                succeeded, and the domain here would be destroyed; say --trust-output where that is \
                what you want";
    Err(Failure::Usage(text.into()))
}

/// Asks what became of an earlier migration.
fn ask(args: &Migrate, target: &Target<'_>, token: Token) -> Result<Outcome, Failure> {
    let answer = target.ask(token)?;
    let became = said(&answer);
    let (name, next) = match became {
        Became::Running => ("running", "the domain here can be destroyed"),
        Became::Destroyed => ("destroyed", "the domain here can go on"),
        Became::Unknown => ("unknown", "look there before you decide"),
    };
    match args.format {
        Format::Text => {
            let why = match answer {
                SourceFate::InDoubt(why) => format!(" ({why})"),
                _ => String::new(),
            };
            let remedy = Unfinished::of(&args.host).remedy(args.domain);
            writeln!(
                style::stdout(),
                "migration {token}: {name}{why}: {next}: {remedy}"
            )?;
        }
        format => {
            let outcome = MigrationOutcome {
                schema: MigrationOutcomeName,
                migration: token.to_string(),
                at: target.address.to_string(),
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

/// Where the user wants it to go.
pub(super) fn address(to: &str) -> Result<Address, Failure> {
    if to.is_empty() || to.starts_with(':') {
        let text = format!("{to:?}: the other end is HOST, HOST:PORT, or the path of a socket");
        return Err(Failure::Usage(text));
    }
    Ok(place(to))
}

fn place(to: &str) -> Address {
    let has_port = match to.strip_prefix('[') {
        Some(rest) => rest.contains("]:"),
        None => to.matches(':').count() == 1,
    };
    if has_port || to.contains('/') {
        return Address::of(to);
    }
    let bare = to.trim_start_matches('[').trim_end_matches(']');
    if bare.contains(':') {
        Address::of(&format!("[{bare}]:{PORT}"))
    } else {
        Address::of(&format!("{bare}:{PORT}"))
    }
}

/// Writes down that the domain may be given away before the last of it is sent: a target of xend's protocol
/// takes the end of the connection for the end, even where this process is killed.
struct Given<'a> {
    args: &'a Migrate,
    record: &'a RefCell<Record>,
}

impl Observer for Given<'_> {
    fn suspended(&mut self, _: Duration) {
        if self.args.protocol == ProtocolName::Xend {
            let mut record = self.record.borrow_mut();
            record.add(&json!({ "given": true }));
        }
    }
}

/// Saves the domain into the connection, as an xend file.
fn stream(
    args: &Migrate,
    front: &[u8],
    (source, mode): (&mut host::Domain, Option<ResumeMode>),
    connection: &mut Connection,
    end: &mut SourceEnd,
    record: &RefCell<Record>,
) -> Result<Saved, Broken> {
    let progress = Progress::new("xen migrate", None);
    let mut sink =
        Written::new(connection, &progress).framed(args.protocol == ProtocolName::Acknowledged);
    sink.write(front).map_err(|_| Broken::Connection)?;
    let options = Options::default()
        .live(!args.suspend_first)
        .skip_unreadable(args.transfer.skip_unreadable)
        .resume_mode(mode)
        .needs_way_back(!args.accept_loss);
    let saved = Engine::new(source, &mut sink)
        .options(options)
        .policy(host::policy(&args.transfer).as_mut())
        .observer(&mut Given { args, record })
        .cancel(Cancel::on(signals::flag()))
        .run();
    let saved = match saved {
        Ok(saved) => saved,
        Err(_) if sink.error.is_some() => return Err(Broken::Connection),
        Err(error) => {
            let failure = host::transfer(args.domain, source, error);
            return Err(Broken::Save(failure.to_string()));
        }
    };
    end.imaged();
    if let Some(path) = &args.device_model {
        let record = device_model(path).map_err(|failure| Broken::Save(failure.to_string()))?;
        sink.write(&record).map_err(|_| Broken::Connection)?;
        sink.flush().map_err(|_| Broken::Connection)?;
    }
    Ok(saved)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::args::What;
    use super::*;
    use crate::cli::{Cli, Command};

    #[test]
    fn scripts_are_told_where_the_domain_runs() {
        let words = "ia64save xen migrate 3 itanium --config x --wait 5 --suspend-wait 7";
        let cli = Cli::try_parse_from(words.split(' ')).unwrap();
        let Command::Xen(xen) = cli.command else {
            unreachable!()
        };
        let What::Migrate(args) = xen.what else {
            unreachable!()
        };
        assert_eq!((args.wait, args.suspending.suspend_wait), (5, 7));
        for (fate, said, why) in [
            (SourceFate::Gone, "gone", serde_json::Value::Null),
            (SourceFate::Stays("full".into()), "stays", "full".into()),
            (SourceFate::InDoubt("cut".into()), "in_doubt", "cut".into()),
        ] {
            let document = account(&args, &place(&args.to), &fate, None, token().unwrap());
            let value = serde_json::to_value(&document).unwrap();
            assert_eq!(value["schema"], XenMigrateName::TEXT);
            assert_eq!(
                (&value["domain"], &value["to"]),
                (&3.into(), &"itanium:8002".into())
            );
            assert_eq!((&value["fate"], &value["reason"]), (&said.into(), &why));
        }
    }

    #[test]
    fn a_host_without_a_port_is_where_xend_listens() {
        for (to, expected) in [
            ("itanium", "itanium:8002"),
            ("itanium:9000", "itanium:9000"),
            ("10.0.0.7", "10.0.0.7:8002"),
            ("fe80::1", "[fe80::1]:8002"),
            ("[fe80::1]", "[fe80::1]:8002"),
            ("[fe80::1]:9000", "[fe80::1]:9000"),
        ] {
            assert_eq!(place(to), Address::Tcp(expected.into()));
        }
        assert_eq!(place("/tmp/socket"), Address::Unix("/tmp/socket".into()));
    }
}
