//! Files of vectors: NumPy's `.npy` and the `.fvecs` of the TEXMEX corpora.

use std::fmt::Display;
use std::fs::File;
use std::io::{BufReader, Read, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use half::f16;

use super::error::ToolError;
use super::output_file::OutputFile;
use crate::embedding::DIMENSION_MAX;

/// Largest `.npy` header that is read, in bytes.
const HEADER_BYTES_MAX: usize = 1 << 16;
/// Size of the `.npy` preamble (magic, version, length, header) that is written, in bytes; a multiple of NumPy's 64.
const PREAMBLE_BYTES: usize = 128;

/// An open file; errors name it.
struct Reader<'a> {
    path: &'a Path,
    file: BufReader<File>,
}

impl<'a> Reader<'a> {
    fn open(path: &'a Path) -> Result<Self, ToolError> {
        match File::open(path) {
            Ok(file) => Ok(Self { path, file: BufReader::new(file) }),
            Err(error) => Err(ToolError::new(format_args!("{}: {error}", path.display()))),
        }
    }

    fn error(&self, reason: impl Display) -> ToolError {
        ToolError::new(format_args!("{}: {reason}", self.path.display()))
    }

    fn read_exact(&mut self, bytes: &mut [u8]) -> Result<(), ToolError> {
        self.file.read_exact(bytes).map_err(|error| self.error(error))
    }
}

/// Passes each row of a `.npy` matrix to `accept`.
///
/// # Errors
/// When the file is not a matrix of `<f2`, `<f4` or `<f8` in C order with at most [`DIMENSION_MAX`] columns.
pub(super) fn read_npy(
    path: &Path,
    mut accept: impl FnMut(Vec<f32>) -> Result<(), ToolError>,
) -> Result<(), ToolError> {
    let mut reader = Reader::open(path)?;
    let mut start = [0; 8];
    reader.read_exact(&mut start)?;
    let length_bytes = match start {
        [0x93, b'N', b'U', b'M', b'P', b'Y', 1, _] => 2,
        [0x93, b'N', b'U', b'M', b'P', b'Y', 2 | 3, _] => 4,
        _ => return Err(reader.error("it is not a .npy file")),
    };
    let mut length = [0; 4];
    let (read, _) = length.split_at_mut(length_bytes);
    reader.read_exact(read)?;
    let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
    if length > HEADER_BYTES_MAX {
        return Err(reader.error("its header is too long"));
    }
    let mut header = vec![0; length];
    reader.read_exact(&mut header)?;
    let header = String::from_utf8_lossy(&header);
    let (element_bytes, rows, columns) = parse_header(&header)
        .ok_or_else(|| reader.error("only matrices of <f2, <f4 or <f8 in C order can be imported"))?;
    let mut bytes = vec![0; columns * element_bytes];
    for _ in 0..rows {
        reader.read_exact(&mut bytes)?;
        accept(elements(&bytes, element_bytes))?;
    }
    Ok(())
}

/// Bytes of an element, number of rows and number of columns of a matrix, from a `.npy` header.
fn parse_header(header: &str) -> Option<(usize, usize, usize)> {
    let value_of = |name: &str| Some(header.split_once(name)?.1.trim_start_matches([':', ' ']));
    let element_bytes = match value_of("'descr'")?.get(1..4)? {
        "<f2" => 2,
        "<f4" => 4,
        "<f8" => 8,
        _ => return None,
    };
    let is_c_order = value_of("'fortran_order'")?.starts_with("False");
    let shape = value_of("'shape'")?.strip_prefix('(')?.split_once(')')?.0;
    let mut sides = shape.split(',').map(|side| side.trim().parse::<usize>().ok());
    let (rows, columns) = (sides.next()??, sides.next()??);
    (is_c_order && (1..=DIMENSION_MAX).contains(&columns)).then_some((element_bytes, rows, columns))
}

/// Converts the little-endian floats of a row.
fn elements(bytes: &[u8], element_bytes: usize) -> Vec<f32> {
    match element_bytes {
        2 => bytes.as_chunks().0.iter().map(|element| f16::from_le_bytes(*element).to_f32()).collect(),
        4 => bytes.as_chunks().0.iter().map(|element| f32::from_le_bytes(*element)).collect(),
        #[expect(clippy::cast_possible_truncation, reason = "vectors have single precision")]
        _ => bytes.as_chunks().0.iter().map(|element| f64::from_le_bytes(*element) as f32).collect(),
    }
}

/// Passes each vector of a `.fvecs` file to `accept`. A vector is its number of dimensions (i32) and as many `<f4`.
///
/// # Errors
/// When the file is truncated, or a number of dimensions is not from 1 to [`DIMENSION_MAX`].
pub(super) fn read_fvecs(
    path: &Path,
    mut accept: impl FnMut(Vec<f32>) -> Result<(), ToolError>,
) -> Result<(), ToolError> {
    let mut reader = Reader::open(path)?;
    let mut length = [0; 4];
    loop {
        let read = reader.file.read(&mut length).map_err(|error| reader.error(error))?;
        if read == 0 {
            return Ok(());
        }
        let (_, rest) = length.split_at_mut(read);
        reader.read_exact(rest)?;
        let dimension = usize::try_from(i32::from_le_bytes(length)).unwrap_or(0);
        if !(1..=DIMENSION_MAX).contains(&dimension) {
            let reason = format_args!("a vector has {dimension} dimensions, not 1 to {DIMENSION_MAX}");
            return Err(reader.error(reason));
        }
        let mut bytes = vec![0; dimension * size_of::<f32>()];
        reader.read_exact(&mut bytes)?;
        accept(elements(&bytes, size_of::<f32>()))?;
    }
}

/// Writes vectors as `.npy` or `.fvecs`.
pub(super) struct VectorWriter {
    file: OutputFile,
    is_npy: bool,
    rows: u64,
    dimension: usize,
}

impl VectorWriter {
    /// Creates a file, `.npy` or otherwise `.fvecs`.
    pub(super) fn create(path: &Path, is_npy: bool) -> Result<Self, ToolError> {
        let mut file = OutputFile::create(path)?;
        if is_npy {
            // Reserved for the preamble, which needs the number of rows.
            file.write(|file| file.write_all(&[b' '; PREAMBLE_BYTES]))?;
        }
        Ok(Self { file, is_npy, rows: 0, dimension: 0 })
    }

    /// Appends a vector. All vectors of a `.npy` file have the same length.
    pub(super) fn push(&mut self, vector: &[f32]) -> Result<(), ToolError> {
        (self.rows, self.dimension) = (self.rows + 1, vector.len());
        let is_npy = self.is_npy;
        self.file.write(|file| {
            if !is_npy {
                let length = i32::try_from(vector.len()).map_err(std::io::Error::other)?;
                file.write_all(&length.to_le_bytes())?;
            }
            vector.iter().try_for_each(|element| file.write_all(&element.to_le_bytes()))
        })
    }

    /// Completes the file and syncs it to disk.
    pub(super) fn finish(mut self) -> Result<(), ToolError> {
        if self.is_npy {
            let header = format!(
                "{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}",
                self.rows, self.dimension
            );
            self.file.write(|file| {
                file.seek(SeekFrom::Start(0))?;
                file.write_all(b"\x93NUMPY\x01\x00")?;
                file.write_all(&118_u16.to_le_bytes())?;
                file.write_all(format!("{header:<117}\n").as_bytes())
            })?;
        }
        self.file.finish()
    }
}
