//! The lines as a Parquet table.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use ia64save::files::OutputFile;
use ia64save::inventory::{COLUMNS, Kind};
use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical, ZstdLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type;
use serde_json::Value;

use crate::cli::exit::Failure;

/// Rows of a group: what is held at a time.
const GROUP: usize = 65536;

/// Whether there is nothing at a path but a table, or an empty file, or none.
pub fn is_replaceable(path: &Path) -> bool {
    let Ok(mut file) = File::open(path) else {
        return true;
    };
    let mut head = [0; 4];
    match file.read(&mut head) {
        Ok(0) => true,
        Ok(4) => head == *b"PAR1",
        _ => false,
    }
}

/// Writes the lines in `lines` as a table called `path`.
pub fn write(lines: &Path, path: &Path) -> Result<(), Failure> {
    let failed =
        |error: ParquetError| Failure::Io(io::Error::other(format!("{}: {error}", path.display())));
    let mut out = OutputFile::create_public(path, true)?;
    let schema = schema().map_err(failed)?;
    let level = ZstdLevel::try_new(3).map_err(failed)?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_created_by(concat!("ia64save ", env!("CARGO_PKG_VERSION")).to_owned());
    let properties = Arc::new(properties.build());
    let mut writer = SerializedFileWriter::new(&mut out, schema, properties).map_err(failed)?;
    let mut rows = Vec::new();
    let mut put = |rows: &mut Vec<Value>| -> Result<(), ParquetError> {
        let mut group = writer.next_row_group()?;
        for (name, kind) in COLUMNS {
            let cells: Vec<&Value> = rows.iter().map(|row| &row[name]).collect();
            column(&mut group, kind, &cells)?;
        }
        group.close()?;
        rows.clear();
        Ok(())
    };
    let unread =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", lines.display()));
    for line in BufReader::new(File::open(lines).map_err(unread)?).lines() {
        let row = serde_json::from_str(&line.map_err(unread)?);
        rows.push(row.map_err(|error| unread(error.into()))?);
        if rows.len() == GROUP {
            put(&mut rows).map_err(failed)?;
        }
    }
    if !rows.is_empty() {
        put(&mut rows).map_err(failed)?;
    }
    writer.close().map_err(failed)?;
    Ok(out.commit()?)
}

fn schema() -> Result<Arc<Type>, ParquetError> {
    let columns = COLUMNS.iter().map(|(name, kind)| {
        let (physical, logical) = match kind {
            Kind::Text | Kind::Texts => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            // Counts of 64 bits without a sign.
            Kind::Number | Kind::Word => {
                let unsigned = LogicalType::integer(64, false);
                (Physical::INT64, Some(unsigned))
            }
            Kind::Flag => (Physical::BOOLEAN, None),
        };
        let field = Type::primitive_type_builder(name, physical)
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(logical);
        field.build().map(Arc::new)
    });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    Ok(Arc::new(
        Type::group_type_builder("image")
            .with_fields(columns)
            .build()?,
    ))
}

fn column<W: io::Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    kind: Kind,
    cells: &[&Value],
) -> Result<(), ParquetError> {
    match kind {
        Kind::Text => {
            typed::<ByteArrayType, W>(group, cells, |cell| cell.as_str().map(ByteArray::from))
        }
        Kind::Texts => typed::<ByteArrayType, W>(group, cells, |cell| {
            let texts: Vec<&str> = cell.as_array()?.iter().filter_map(Value::as_str).collect();
            Some(ByteArray::from(texts.join(" ").as_str()))
        }),
        Kind::Number => typed::<Int64Type, W>(group, cells, |cell| cell.as_u64().map(|n| n as i64)),
        Kind::Word => typed::<Int64Type, W>(group, cells, |cell| {
            let digits = cell.as_str()?.strip_prefix("0x")?;
            Some(u64::from_str_radix(digits, 16).ok()? as i64)
        }),
        Kind::Flag => typed::<BoolType, W>(group, cells, Value::as_bool),
    }
}

fn typed<T: DataType, W: io::Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    cells: &[&Value],
    value: impl Fn(&Value) -> Option<T::T>,
) -> Result<(), ParquetError> {
    let Some(mut column) = group.next_column()? else {
        return Err(ParquetError::General(
            "more columns than the schema has".into(),
        ));
    };
    let values: Vec<Option<T::T>> = cells.iter().map(|cell| value(cell)).collect();
    let levels: Vec<i16> = values
        .iter()
        .map(|value| i16::from(value.is_some()))
        .collect();
    let values: Vec<T::T> = values.into_iter().flatten().collect();
    column
        .typed::<T>()
        .write_batch(&values, Some(&levels), None)?;
    column.close()
}
