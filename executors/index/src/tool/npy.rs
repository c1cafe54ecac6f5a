//! Vectors in files of others: NumPy's `.npy` and the `.fvecs` of the TexMex corpora.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek as _, SeekFrom, Write};
use std::path::Path;

use half::f16;

use super::ToolError;
use crate::embedding::DIMENSION_MAX;

/// The longest header of a `.npy` file that is read, in bytes.
const HEADER_BYTES_MAX: usize = 1 << 16;
/// The header that is written, in bytes, as NumPy aligns it.
const HEADER_BYTES: usize = 128;

/// Hands over each vector of a `.npy` file.
pub(super) fn read_npy(
    path: &Path,
    mut accept: impl FnMut(Vec<f32>) -> Result<(), ToolError>,
) -> Result<(), ToolError> {
    let failed =
        |reason: &dyn std::fmt::Display| ToolError::new(format_args!("{}: {reason}", path.display()));
    let mut file = BufReader::new(File::open(path).map_err(|error| failed(&error))?);
    let mut start = [0; 8];
    file.read_exact(&mut start).map_err(|error| failed(&error))?;
    let long = match start {
        [0x93, b'N', b'U', b'M', b'P', b'Y', 1, _] => false,
        [0x93, b'N', b'U', b'M', b'P', b'Y', 2 | 3, _] => true,
        _ => return Err(failed(&"it is no .npy file")),
    };
    let mut length = [0; 4];
    let (read, _) = length.split_at_mut(if long { 4 } else { 2 });
    file.read_exact(read).map_err(|error| failed(&error))?;
    let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
    if length > HEADER_BYTES_MAX {
        return Err(failed(&"its header is too long"));
    }
    let mut header = vec![0; length];
    file.read_exact(&mut header).map_err(|error| failed(&error))?;
    let header = String::from_utf8_lossy(&header);
    let (kind, rows, columns) = described(&header).ok_or_else(|| {
        failed(&"its header says no matrix of <f2, <f4 or <f8 by rows, which is what can be imported")
    })?;
    let mut bytes = vec![0; columns * kind];
    for _ in 0..rows {
        file.read_exact(&mut bytes).map_err(|error| failed(&error))?;
        accept(elements(&bytes, kind))?;
    }
    Ok(())
}

/// The bytes of an element, the rows and the columns that a header tells of.
fn described(header: &str) -> Option<(usize, usize, usize)> {
    let behind = |name: &str| Some(header.split_once(name)?.1.trim_start_matches([':', ' ']));
    let kind = match behind("'descr'")?.get(1..4)? {
        "<f2" => 2,
        "<f4" => 4,
        "<f8" => 8,
        _ => return None,
    };
    let by_rows = behind("'fortran_order'")?.starts_with("False");
    let shape = behind("'shape'")?.strip_prefix('(')?.split_once(')')?.0;
    let mut sides = shape.split(',').map(|side| side.trim().parse::<usize>().ok());
    let (rows, columns) = (sides.next()??, sides.next()??);
    (by_rows && (1..=DIMENSION_MAX).contains(&columns)).then_some((kind, rows, columns))
}

/// The elements of a row, of so many bytes each.
fn elements(bytes: &[u8], kind: usize) -> Vec<f32> {
    match kind {
        2 => bytes.as_chunks().0.iter().map(|element| f16::from_le_bytes(*element).to_f32()).collect(),
        4 => bytes.as_chunks().0.iter().map(|element| f32::from_le_bytes(*element)).collect(),
        #[expect(clippy::cast_possible_truncation, reason = "vectors are in single precision here")]
        _ => bytes.as_chunks().0.iter().map(|element| f64::from_le_bytes(*element) as f32).collect(),
    }
}

/// Hands over each vector of a `.fvecs` file: its length as an integer, and its elements.
pub(super) fn read_fvecs(
    path: &Path,
    mut accept: impl FnMut(Vec<f32>) -> Result<(), ToolError>,
) -> Result<(), ToolError> {
    let failed =
        |reason: &dyn std::fmt::Display| ToolError::new(format_args!("{}: {reason}", path.display()));
    let mut file = BufReader::new(File::open(path).map_err(|error| failed(&error))?);
    let mut length = [0; 4];
    loop {
        let read = file.read(&mut length).map_err(|error| failed(&error))?;
        if read == 0 {
            return Ok(());
        }
        let (_, rest) = length.split_at_mut(read);
        file.read_exact(rest).map_err(|error| failed(&error))?;
        let dimension = usize::try_from(i32::from_le_bytes(length)).unwrap_or(0);
        if !(1..=DIMENSION_MAX).contains(&dimension) {
            return Err(failed(&format_args!("a vector of {dimension} dimensions is none")));
        }
        let mut bytes = vec![0; dimension * size_of::<f32>()];
        file.read_exact(&mut bytes).map_err(|error| failed(&error))?;
        accept(elements(&bytes, size_of::<f32>()))?;
    }
}

/// Writes vectors, in one format or the other.
pub(super) struct VectorsFile {
    file: BufWriter<File>,
    is_npy: bool,
    rows: u64,
    dimension: usize,
}

impl VectorsFile {
    pub(super) fn create(path: &Path, is_npy: bool) -> std::io::Result<Self> {
        let mut file = BufWriter::new(File::create(path)?);
        if is_npy {
            // Room for what is known at the end.
            file.write_all(&[b' '; HEADER_BYTES])?;
        }
        Ok(Self { file, is_npy, rows: 0, dimension: 0 })
    }

    pub(super) fn push(&mut self, vector: &[f32]) -> std::io::Result<()> {
        (self.rows, self.dimension) = (self.rows + 1, vector.len());
        if !self.is_npy {
            let length = i32::try_from(vector.len()).map_err(std::io::Error::other)?;
            self.file.write_all(&length.to_le_bytes())?;
        }
        vector.iter().try_for_each(|element| self.file.write_all(&element.to_le_bytes()))
    }

    pub(super) fn finish(mut self) -> std::io::Result<()> {
        if self.is_npy {
            let text = format!(
                "{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}",
                self.rows, self.dimension
            );
            self.file.seek(SeekFrom::Start(0))?;
            self.file.write_all(b"\x93NUMPY\x01\x00")?;
            self.file.write_all(&118_u16.to_le_bytes())?;
            self.file.write_all(format!("{text:<117}\n").as_bytes())?;
        }
        self.file.flush()?;
        self.file.get_ref().sync_all()
    }
}
