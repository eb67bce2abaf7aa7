//! `dumpcap` on the loopback interface.

use std::io::{BufRead, BufReader, ErrorKind};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::relocation::PORT;

/// A recording under way.
pub struct Capture {
    child: Child,
    said: BufReader<ChildStderr>,
}

impl Capture {
    /// Begins to record; `None` where that is not permitted.
    pub fn start(path: &Path) -> Result<Option<Capture>, String> {
        let filter = format!("tcp port {PORT} and host 127.0.0.1");
        // Megabytes of buffer, and seconds after which it ends by itself.
        let bounds = ["-B", "128", "-a", "duration:100", "-q"];
        println!("$ dumpcap -i lo -f '{filter}' {} -w ...", bounds.join(" "));
        let child = Command::new("dumpcap")
            .args(["-i", "lo", "-f", &filter])
            .args(bounds)
            .arg("-w")
            .arg(path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = match child {
            Ok(child) => child,
            Err(error) if error.kind() == ErrorKind::PermissionDenied => return Ok(None),
            Err(error) => return Err(format!("dumpcap: {error} (apt-get install tshark)")),
        };
        let stderr = child.stderr.take().ok_or("dumpcap has no stderr")?;
        let mut said = BufReader::new(stderr);
        let mut line = String::new();
        loop {
            line.clear();
            match said.read_line(&mut line) {
                Ok(0) | Err(_) => break,
                Ok(_) if line.starts_with("File:") => {
                    return Ok(Some(Capture { child, said }));
                }
                Ok(_) => print!("  dumpcap: {line}"),
            }
        }
        child.wait().map_err(|error| format!("dumpcap: {error}"))?;
        Ok(None)
    }

    /// Ends it, as an interrupt from the terminal would.
    pub fn stop(mut self) -> Result<(), String> {
        // What was sent last may not be in the file yet.
        thread::sleep(Duration::from_millis(700));
        let id = self.child.id().to_string();
        let killed = Command::new("kill").args(["-INT", &id]).status();
        if !killed.is_ok_and(|status| status.success()) {
            let _ = self.child.kill();
        }
        let mut dropped = None;
        for line in (&mut self.said).lines().map_while(Result::ok) {
            println!("  dumpcap: {line}");
            if let Some((_, counts)) = line.split_once("'Loopback: lo': ") {
                dropped = counts.split(['/', ' ']).nth(1).map(str::to_string);
            }
        }
        self.child.wait().map_err(|error| error.to_string())?;
        match dropped.as_deref() {
            Some("0") | None => Ok(()),
            Some(count) => Err(format!("dumpcap dropped {count} packets")),
        }
    }
}
