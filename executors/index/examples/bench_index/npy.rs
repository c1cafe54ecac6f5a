//! `.npy` matrices, read and written by blocks of rows, since a file may be larger than memory.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

const HEADER_BYTES: usize = 128;

/// Creates a file and writes the header of a matrix; [`append`] writes its elements.
pub(crate) fn create(path: &Path, data_type: &str, rows: usize, columns: usize) -> File {
    let mut file = File::create(path).unwrap();
    let text = format!("{{'descr': '{data_type}', 'fortran_order': False, 'shape': ({rows}, {columns}), }}");
    let padded = format!("{text:<width$}\n", width = HEADER_BYTES - 11);
    file.write_all(b"\x93NUMPY\x01\x00").unwrap();
    file.write_all(&((HEADER_BYTES - 10) as u16).to_le_bytes()).unwrap();
    file.write_all(padded.as_bytes()).unwrap();
    file
}

/// Appends elements to the file of a matrix.
pub(crate) fn append(file: &mut File, elements: &[f32]) {
    let bytes: Vec<u8> = elements.iter().flat_map(|element| element.to_le_bytes()).collect();
    file.write_all(&bytes).unwrap();
}

/// An open matrix of four-byte elements.
pub(crate) struct Matrix {
    file: File,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
}

impl Matrix {
    /// Opens a file that [`create`] began.
    pub(crate) fn open(path: &Path) -> Self {
        let mut file = File::open(path).unwrap();
        let mut header = [0; HEADER_BYTES];
        file.read_exact(&mut header).unwrap();
        let text = String::from_utf8_lossy(&header).into_owned();
        let shape = text.split("'shape': (").nth(1).and_then(|rest| rest.split(')').next()).unwrap();
        let mut sides = shape.split(',').map(|side| side.trim().parse::<usize>().unwrap_or(1));
        let (rows, columns) = (sides.next().unwrap(), sides.next().unwrap());
        Self { file, rows, columns }
    }

    fn bytes(&mut self, first: usize, rows: usize) -> Vec<u8> {
        let rows = rows.min(self.rows - first);
        let start = HEADER_BYTES + first * self.columns * 4;
        self.file.seek(SeekFrom::Start(start as u64)).unwrap();
        let mut bytes = vec![0; rows * self.columns * 4];
        self.file.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// Elements of `rows` rows, or up to the last row.
    pub(crate) fn floats(&mut self, first: usize, rows: usize) -> Vec<f32> {
        let bytes = self.bytes(first, rows);
        bytes.as_chunks().0.iter().map(|element| f32::from_le_bytes(*element)).collect()
    }

    /// All elements as row numbers.
    pub(crate) fn row_numbers(&mut self) -> Vec<u32> {
        let bytes = self.bytes(0, self.rows);
        bytes.as_chunks().0.iter().map(|element| u32::from_le_bytes(*element)).collect()
    }
}
