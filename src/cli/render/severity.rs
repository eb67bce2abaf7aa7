//! What a severity looks like.

use ia64save_codec::Severity;

use super::style;

/// The style that goes with a severity.
pub fn severity_style(severity: Severity) -> anstyle::Style {
    match severity {
        Severity::Error => style::ERROR,
        Severity::Warning => style::WARNING,
        Severity::Note => style::DIM,
    }
}
