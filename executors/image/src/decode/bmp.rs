//! Converts headers of OS/2 bitmaps to those of Windows, which the `image` crate reads.

use super::error::DecodeError;
use super::format::Format;

const FILE_HEADER_BYTES: usize = 14;

/// Size of the Windows header `BITMAPINFOHEADER`. The OS/2 2.x header begins with the same fields.
const INFO_HEADER_BYTES: usize = 40;

/// Largest size of an OS/2 2.x header. A file may omit its last fields.
const OS2_HEADER_BYTES_MAX: usize = 64;

/// Replaces an OS/2 2.x header, of 16 to 64 bytes, by a Windows header and returns the whole file. `None` for other
/// headers and for files that end within the header.
///
/// # Errors
/// [`DecodeError::Unsupported`] for compression that only OS/2 has.
pub(super) fn modernize_header(bytes: &[u8]) -> Result<Option<Vec<u8>>, DecodeError> {
    let Some((file_header, rest)) = bytes.split_at_checked(FILE_HEADER_BYTES) else { return Ok(None) };
    let size = number(rest, 0);
    // 40, 52 and 56 bytes are headers of Windows, which the decoder knows.
    let is_os2 = (16..=OS2_HEADER_BYTES_MAX).contains(&size) && ![INFO_HEADER_BYTES, 52, 56].contains(&size);
    let Some((header, content)) = rest.split_at_checked(size).filter(|_| is_os2) else { return Ok(None) };
    let mut modern = header.get(..INFO_HEADER_BYTES).unwrap_or(header).to_vec();
    modern.resize(INFO_HEADER_BYTES, 0);
    let compression = number(&modern, 16);
    if compression > 2 {
        let feature = format!("compression {compression} of OS/2");
        return Err(DecodeError::Unsupported { format: Format::Bmp, feature });
    }
    write_number(&mut modern, 0, INFO_HEADER_BYTES);
    let mut file_header = file_header.to_vec();
    let pixels = (number(&file_header, 10) + INFO_HEADER_BYTES).saturating_sub(size);
    write_number(&mut file_header, 10, pixels);
    Ok(Some([file_header.as_slice(), &modern, content].concat()))
}

/// The 32-bit number at `offset`; 0 past the end.
fn number(bytes: &[u8], offset: usize) -> usize {
    let field = bytes.get(offset..).and_then(|rest| rest.first_chunk());
    field.map_or(0, |field| u32::from_le_bytes(*field) as usize)
}

fn write_number(bytes: &mut [u8], offset: usize, number: usize) {
    if let Some(field) = bytes.get_mut(offset..).and_then(|rest| rest.first_chunk_mut()) {
        *field = (number as u32).to_le_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with a header of `size` bytes, the given compression, and two bytes of content.
    fn file(size: u8, compression: u8) -> Vec<u8> {
        let mut file = vec![0; FILE_HEADER_BYTES + usize::from(size)];
        file[..2].copy_from_slice(b"BM");
        file[10] = FILE_HEADER_BYTES as u8 + size;
        file[14] = size;
        if size > 16 {
            file[30] = compression;
        }
        [file.as_slice(), b"ab"].concat()
    }

    #[test]
    fn os2_headers_become_windows_headers() {
        for size in [16, 64] {
            assert_eq!(modernize_header(&file(size, 0)).unwrap().unwrap(), file(40, 0), "{size}");
        }
        for size in [12, 40, 52, 56, 108, 124] {
            assert!(modernize_header(&file(size, 0)).unwrap().is_none(), "{size}");
        }
        assert!(modernize_header(b"BM").unwrap().is_none());
    }

    #[test]
    fn compression_of_os2_is_unsupported() {
        let error = modernize_header(&file(64, 3)).unwrap_err();
        assert_eq!(error.to_string(), "the BMP image uses compression 3 of OS/2, which is not supported");
    }
}
