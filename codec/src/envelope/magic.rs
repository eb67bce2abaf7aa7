//! What files of other kinds begin with.

/// A format that is known by its mark alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Magic {
    /// What it is, with its article.
    pub what: &'static str,
    /// What to do about it; nothing where nothing helps.
    pub advice: &'static str,
}

/// Bytes at the beginning of a file within which every mark lies.
pub(super) const DEEP: usize = 2048;

const UNPACK: &str = "unpack it first";
const TAKE: &str = "take the image out of it first";
const DISK: &str = "an image may be in a file on it";
const SAVED: &str = "no ia64 host wrote such";

/// Offset, bytes, what, advice.
type Row = (usize, &'static [u8], &'static str, &'static str);

const MAGICS: &[Row] = &[
    (4, b"1AY&SY", "a bzip2 file", UNPACK),
    (0, b"\x04\x22\x4d\x18", "an lz4 file", UNPACK),
    (
        0,
        b"\x02\x21\x4c\x18",
        "an lz4 file of the old kind",
        UNPACK,
    ),
    (0, b"\x89LZO\0\r\n\x1a\n", "an lzop file", UNPACK),
    (0, b"LZIP", "an lzip file", UNPACK),
    (0, b"\x1f\x9d", "a file of compress (.Z)", UNPACK),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", TAKE),
    (0, b"PK\x03\x04", "a zip archive", TAKE),
    (0, b"PK\x05\x06", "an empty zip archive", TAKE),
    (0, b"Rar!\x1a\x07", "a rar archive", TAKE),
    (0, b"xar!", "a xar archive", TAKE),
    (0, b"MSCF\0\0\0\0", "a cabinet", TAKE),
    (0, b"!<arch>\n", "an ar archive", TAKE),
    (0, b"070701", "a cpio archive", TAKE),
    (0, b"070702", "a cpio archive", TAKE),
    (0, b"070707", "a cpio archive", TAKE),
    (257, b"ustar", "a tar archive", TAKE),
    (0, b"\x89PNG\r\n\x1a\n", "a PNG picture", ""),
    (0, b"\xff\xd8\xff", "a JPEG picture", ""),
    (0, b"GIF8", "a GIF picture", ""),
    (0, b"%PDF-", "a PDF document", ""),
    (0, b"SQLite format 3\0", "an SQLite database", ""),
    (0, b"PAR1", "a Parquet table", ""),
    (0, b"QFI\xfb", "a qcow2 disk image", DISK),
    (0, b"KDMV", "a VMDK disk image", DISK),
    (64, b"\x7f\x10\xda\xbe", "a VDI disk image", DISK),
    (0, b"conectix", "a VHD disk image", DISK),
    (0, b"vhdxfile", "a VHDX disk image", DISK),
    (0, b"LUKS\xba\xbe", "an encrypted disk (LUKS)", DISK),
    (0, b"XFSB", "a file system (XFS)", DISK),
    (0, b"hsqs", "a file system (squashfs)", DISK),
    (
        1080,
        b"\x53\xef",
        "a file system (ext2, ext3 or ext4)",
        DISK,
    ),
    (512, b"EFI PART", "a disk with a GUID partition table", DISK),
    (
        0,
        b"LibvirtQemudSave",
        "a domain saved by libvirt for QEMU",
        SAVED,
    ),
    (
        0,
        b"LibvirtQemudPart",
        "a domain that libvirt began to save for QEMU",
        SAVED,
    ),
    (0, b"QEVM", "a migration stream of QEMU", SAVED),
    (0, b"KDUMP   ", "a compressed kernel dump (kdump)", SAVED),
    (0, b"DISKDUMP", "a compressed kernel dump (diskdump)", SAVED),
    (
        0,
        b"makedumpfile\0",
        "a flattened kernel dump (makedumpfile -F)",
        SAVED,
    ),
    (0, b"EMiL", "a memory dump of LiME", SAVED),
    (0, b"PAGEDUMP", "a memory dump of Windows", SAVED),
    (0, b"PAGEDU64", "a memory dump of Windows", SAVED),
    (0, b"MDMP", "a minidump of Windows", SAVED),
    (0, b"hibr", "a hibernation file of Windows", SAVED),
    (
        0,
        b"\x7fVirtualBox Saved State",
        "a domain saved by VirtualBox",
        SAVED,
    ),
    (
        0,
        b"\xd2\xbe\xd2\xbe",
        "a domain suspended by VMware",
        SAVED,
    ),
    // Two bytes: after all that say more.
    (510, b"\x55\xaa", "a disk with a boot sector", DISK),
];

/// What a file is by its first bytes.
pub(super) fn recognise(file: &[u8]) -> Option<Magic> {
    let found = MAGICS
        .iter()
        .find(|(at, magic, _, _)| file.get(*at..).is_some_and(|rest| rest.starts_with(magic)));
    let magic = |what, advice| Magic { what, advice };
    found
        .map(|(_, _, what, advice)| magic(*what, *advice))
        .or_else(|| lzma(file).then(|| magic("an lzma file", UNPACK)))
}

/// The format before xz has no mark, but a header of which little can be otherwise: properties, the size
/// of the dictionary, and the size of what is packed, or ones.
fn lzma(file: &[u8]) -> bool {
    let Some(&[0x5d, 0, 0, low, high, ref size @ ..]) = file.first_chunk::<13>() else {
        return false;
    };
    let dictionary = u16::from_le_bytes([low, high]);
    dictionary.is_power_of_two() && (*size == [0xff; 8] || size[5..] == [0; 3])
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn every_mark_lies_within_what_is_looked_at_and_is_found() {
        for (at, magic, what, _) in MAGICS {
            assert!(at + magic.len() <= DEEP, "{what}");
            let mut file = vec![0; DEEP];
            file[*at..at + magic.len()].copy_from_slice(magic);
            assert_eq!(recognise(&file).unwrap().what, *what);
            // A part of a mark is none.
            assert_eq!(recognise(&file[..at + magic.len() - 1]), None, "{what}");
        }
        assert_eq!(recognise(&vec![0; DEEP]), None);
        assert_eq!(recognise(b""), None);
    }

    #[test]
    fn lzma_is_known_by_its_header() {
        let stored = [
            0x5d, 0, 0, 0x80, 0, 255, 255, 255, 255, 255, 255, 255, 255, 0,
        ];
        assert_eq!(recognise(&stored).unwrap().what, "an lzma file");
        assert_eq!(recognise(&stored[..12]), None);
        let mut other = stored;
        other[3] = 3;
        assert_eq!(recognise(&other), None);
    }
}
