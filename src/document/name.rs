//! The name of a document, which is its first key.

/// A type that stands for one text, which is what it serializes as and all that its schema allows.
macro_rules! schema_names {
    ($($name:ident = $text:literal;)*) => {$(
        #[doc = concat!("`", $text, "`.")]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name;

        impl $name {
            /// The text.
            pub const TEXT: &'static str = $text;
        }

        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str($text)
            }
        }

        impl ::schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> ::std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut ::schemars::SchemaGenerator) -> ::schemars::Schema {
                ::schemars::json_schema!({ "const": $text })
            }
        }
    )*};
}

schema_names! {
    BacktraceName = "ia64save/backtrace/1";
    BatchName = "ia64save/batch/2";
    CheckName = "ia64save/check/2";
    CodesName = "ia64save/codes/1";
    CompareName = "ia64save/compare/2";
    ConfigName = "ia64save/config/1";
    ConvertName = "ia64save/convert/1";
    CorpusExportName = "ia64save/corpus-export/1";
    CorpusName = "ia64save/corpus/1";
    DecodeName = "ia64save/decode/1";
    DumpName = "ia64save/dump/2";
    EditName = "ia64save/edit/2";
    EncodeName = "ia64save/encode/1";
    ExplainName = "ia64save/explain/1";
    ExtractName = "ia64save/extract/2";
    FindName = "ia64save/find/2";
    GuestInfoName = "ia64save/guest-info/1";
    GuestLogName = "ia64save/guest-log/1";
    GuestMapsName = "ia64save/guest-maps/1";
    GuestModulesName = "ia64save/guest-modules/1";
    GuestPsName = "ia64save/guest-ps/1";
    GuestSymbolsName = "ia64save/guest-symbols/1";
    InfoName = "ia64save/info/2";
    MapName = "ia64save/map/1";
    MigrationOutcomeName = "ia64save/migration-outcome/1";
    PagesOnlyName = "ia64save/pages-only/2";
    RepairName = "ia64save/repair/2";
    SimulateMigrateName = "ia64save/simulate-migrate/2";
    SimulateMigrateBothName = "ia64save/simulate-migrate-both/1";
    SimulateRestoreName = "ia64save/simulate-restore/2";
    SimulateSaveName = "ia64save/simulate-save/2";
    StringsName = "ia64save/strings/2";
    TranslateName = "ia64save/translate/1";
    XenListName = "ia64save/xen-list/1";
    XenMigrateName = "ia64save/xen-migrate/2";
    XenRecoverName = "ia64save/xen-recover/1";
    XenRestoreName = "ia64save/xen-restore/2";
    XenSaveName = "ia64save/xen-save/2";
    XenUnfinishedName = "ia64save/xen-unfinished/1";
}
