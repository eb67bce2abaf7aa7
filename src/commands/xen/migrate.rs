//! `xen migrate`: a domain moves to another host.
//!
//! ```text
//!   this host                                       another: xend, or who acknowledges
//!   SourceEnd   <---- a connection ---->  its end   who does what next: transfer::migration
//!   Save                                  a restore
//! ```
//!
//! The domain here is destroyed when the other end has said that its own runs, and not before. Where
//! nobody can say it stays suspended, and a person decides.

use std::io::{self, Write as _};
use std::time::Duration;

use ia64save_codec::envelope::xend_header;
use ia64save_codec::transfer::migration::{SourceEnd, SourceFate};
use ia64save_codec::transfer::ports::{Domain as _, Sink as _, SourceDomain as _};
use ia64save_codec::transfer::save::{Options, Save as Engine, Saved};
use serde_json::{Value, json};

use super::args::{Migrate, ProtocolName};
use super::host;
use super::save::{contents, device_model};
use super::sink::Written;
use crate::args::Format;
use crate::commands::account::{self, joined};
use crate::commands::count::counted;
use crate::commands::print_json;
use crate::exit::{Failure, Outcome};
use crate::migration::{Address, Broken, Connection, speak, token};
use crate::output::style;
use crate::progress::Progress;

/// Where xend listens for domains.
const PORT: u16 = 8002;
/// How often a target is asked what became of a migration, once nobody knows.
const QUESTIONS: u32 = 5;
/// Time between two of them.
const PAUSE: Duration = Duration::from_millis(500);

/// Runs the command.
pub fn run(args: &Migrate) -> Result<Outcome, Failure> {
    let mut xen = host::open(&args.host)?;
    host::require(&mut xen, args.domain)?;
    let front = xend_header(&contents(&args.config)?)?;
    let dialect = xen.release().dialect;
    let toolstack = host::toolstack(&args.suspending)?;
    let mut source = host::source(xen, args.domain, toolstack, &args.suspending);
    let address = address(&args.to);
    let patience = Duration::from_secs(args.wait);
    let connection = address.connect(patience)?;
    let token = token();
    let end = match args.protocol {
        ProtocolName::Acknowledged => SourceEnd::new(token, dialect),
        ProtocolName::Xend => SourceEnd::xend(),
    };
    let mut sent = None;
    let mut fate = speak(end, connection, |connection| {
        stream(args, &front, &mut source, connection).map(|saved| sent = Some(saved))
    });
    if args.protocol == ProtocolName::Acknowledged {
        for _ in 0..QUESTIONS {
            if !matches!(fate, SourceFate::InDoubt(_)) {
                break;
            }
            std::thread::sleep(PAUSE);
            if let Ok(connection) = address.connect(patience) {
                fate = speak(SourceEnd::ask(token), connection, |_| {
                    Err(Broken::Connection)
                });
            }
        }
    }
    let failed = host::failed(args.domain);
    let done = match &fate {
        SourceFate::Gone => source.destroy(),
        SourceFate::Stays(_) => source.resume(),
        SourceFate::InDoubt(_) => Ok(()),
    };
    // Whatever became of the domain here, a script is told where it runs.
    let told = if args.format == Format::Text {
        Ok(())
    } else {
        let mut value = account(args, &address, &fate, sent.as_ref());
        value["migration"] = token.to_string().into();
        if args.suspending.suspend_dialogue {
            writeln!(io::stderr(), "{value}")
        } else {
            print_json(vec![value], args.format)
        }
    };
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
            let text = format!(
                "{address}: nobody knows whether domain {} runs there; it stays suspended here: {why}; migration {token}",
                args.domain,
            );
            Err(io::Error::other(text).into())
        }
    }
}

/// For scripts.
fn account(args: &Migrate, address: &Address, fate: &SourceFate, sent: Option<&Saved>) -> Value {
    let (fate, why) = match fate {
        SourceFate::Gone => ("gone", None),
        SourceFate::Stays(why) => ("stays", Some(why)),
        SourceFate::InDoubt(why) => ("in_doubt", Some(why)),
    };
    let head = json!({
        "schema": "ia64save/xen-migrate/1",
        "domain": args.domain,
        "to": address.to_string(),
        "fate": fate,
        "reason": why,
        "live": !args.suspend_first,
        "policy": args.transfer.policy.name(),
    });
    joined(head, sent.map_or_else(|| json!({}), account::saved))
}

/// Where the user wants it to go.
fn address(to: &str) -> Address {
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

/// Saves the domain into the connection, as an xend file.
fn stream(
    args: &Migrate,
    front: &[u8],
    source: &mut host::Domain,
    connection: &mut Connection,
) -> Result<Saved, Broken> {
    let progress = Progress::new("xen migrate", None);
    let mut sink =
        Written::new(connection, &progress).framed(args.protocol == ProtocolName::Acknowledged);
    sink.write(front).map_err(|_| Broken::Connection)?;
    let options = Options {
        live: !args.suspend_first,
        skip_unreadable: args.transfer.skip_unreadable,
        ..Options::default()
    };
    let saved = Engine::new(source, &mut sink)
        .options(options)
        .policy(host::policy(&args.transfer).as_mut())
        .run();
    let saved = match saved {
        Ok(saved) => saved,
        Err(_) if sink.error.is_some() => return Err(Broken::Connection),
        Err(error) => return Err(Broken::Save(error.to_string())),
    };
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
    use crate::args::{Cli, Command};

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
            (SourceFate::Gone, "gone", Value::Null),
            (SourceFate::Stays("full".into()), "stays", "full".into()),
            (SourceFate::InDoubt("cut".into()), "in_doubt", "cut".into()),
        ] {
            let value = account(&args, &address(&args.to), &fate, None);
            assert_eq!(value["schema"], "ia64save/xen-migrate/1");
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
            assert_eq!(address(to), Address::Tcp(expected.into()));
        }
        assert_eq!(address("/tmp/socket"), Address::Unix("/tmp/socket".into()));
    }
}
