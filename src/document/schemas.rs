//! The schemas of all documents.

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};

use super::check::Check;
use super::codes::{Codes, Explain};
use super::compare::Compare;
use super::corpus::{Corpus, CorpusExport};
use super::fields::{Dump, FieldDocument};
use super::files::{Files, Line};
use super::guest::{Backtrace, GuestInfo, GuestLog, GuestMaps, GuestModules, GuestPs, GuestSymbols};
use super::info::Info;
use super::inventory::InventoryRow;
use super::map::{ExtentDocument, Map};
use super::memory::{Config, Extract, Find, Strings, TextDocument, Translate};
use super::name::{CheckName, InfoName};
use super::rewritten::{Convert, Decode, Edit, Encode, PagesOnly, Repair};
use super::simulate::{SimulateMigrate, SimulateMigrateBoth, SimulateRestore, SimulateSave};
use super::xen::{MigrationOutcome, XenList, XenMigrate, XenRecover, XenRestore, XenSave, XenUnfinished};

/// Each with the name of its file, without `.json`. What ends in `-line` is a line of `--format jsonl`
/// where it is not the document itself.
pub fn all() -> Vec<(&'static str, Schema)> {
    vec![
        ("backtrace", of::<Backtrace>()),
        ("batch", of::<InventoryRow>()),
        ("check", of::<Files<CheckName, Check>>()),
        ("check-line", of::<Line<CheckName, Check>>()),
        ("codes", of::<Codes>()),
        ("compare", of::<Compare>()),
        ("config", of::<Config>()),
        ("convert", of::<Convert>()),
        ("corpus", of::<Corpus>()),
        ("corpus-export", of::<CorpusExport>()),
        ("decode", of::<Decode>()),
        ("dump", of::<Dump>()),
        ("dump-line", of::<FieldDocument>()),
        ("edit", of::<Edit>()),
        ("encode", of::<Encode>()),
        ("explain", of::<Explain>()),
        ("extract", of::<Extract>()),
        ("find", of::<Find>()),
        ("guest-info", of::<GuestInfo>()),
        ("guest-log", of::<GuestLog>()),
        ("guest-maps", of::<GuestMaps>()),
        ("guest-modules", of::<GuestModules>()),
        ("guest-ps", of::<GuestPs>()),
        ("guest-symbols", of::<GuestSymbols>()),
        ("info", of::<Files<InfoName, Info>>()),
        ("info-line", of::<Line<InfoName, Info>>()),
        ("map", of::<Map>()),
        ("map-line", of::<ExtentDocument>()),
        ("migration-outcome", of::<MigrationOutcome>()),
        ("pages-only", of::<PagesOnly>()),
        ("repair", of::<Repair>()),
        ("simulate-migrate", of::<SimulateMigrate>()),
        ("simulate-migrate-both", of::<SimulateMigrateBoth<SimulateMigrate>>()),
        ("simulate-restore", of::<SimulateRestore>()),
        ("simulate-save", of::<SimulateSave>()),
        ("strings", of::<Strings>()),
        ("strings-line", of::<TextDocument>()),
        ("translate", of::<Translate>()),
        ("xen-list", of::<XenList>()),
        ("xen-migrate", of::<XenMigrate>()),
        ("xen-recover", of::<XenRecover>()),
        ("xen-restore", of::<XenRestore>()),
        ("xen-save", of::<XenSave>()),
        ("xen-unfinished", of::<XenUnfinished>()),
    ]
}

/// The schema of what a type serializes as.
fn of<T: JsonSchema>() -> Schema {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    SchemaGenerator::new(settings).into_root_schema_for::<T>()
}
