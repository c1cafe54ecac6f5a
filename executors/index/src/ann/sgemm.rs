//! The matrix product `sgemm_` of BLAS, which FAISS calls, implemented with the `matrixmultiply` crate.
//!
//! OpenBLAS packages of distributions do not know newer processors and fall back to code that is several times slower; they
//! also start a thread per core, outside the thread budget. This definition takes precedence over the library's at link
//! time and uses the calling thread only. All other functions of BLAS and LAPACK (training of `PCA` and `OPQ`) are those of
//! the system.
#![expect(unsafe_code, reason = "this file owns a symbol of BLAS")]

use std::ffi::{c_char, c_int};

/// C ← α op(A) op(B) + β C in single precision, all matrices in column-major order, as defined by the reference BLAS:
/// op(A) is m × k, op(B) is k × n, C is m × n; op transposes when its letter is `T` or `C`.
///
/// # Safety
/// Every pointer is valid, and the matrices have the extents given by their sizes and leading dimensions.
#[unsafe(no_mangle)]
unsafe extern "C" fn sgemm_(
    transpose_a: *const c_char,
    transpose_b: *const c_char,
    m: *const c_int,
    n: *const c_int,
    k: *const c_int,
    alpha: *const f32,
    a: *const f32,
    lda: *const c_int,
    b: *const f32,
    ldb: *const c_int,
    beta: *const f32,
    c: *mut f32,
    ldc: *const c_int,
) {
    // SAFETY: the caller guarantees valid pointers and extents; columns of C do not overlap.
    unsafe {
        let (a_row, a_column) = strides(*transpose_a, *lda);
        let (b_row, b_column) = strides(*transpose_b, *ldb);
        let (m, n, k) = (extent(*m), extent(*n), extent(*k));
        let c_column = offset(*ldc);
        matrixmultiply::sgemm(m, k, n, *alpha, a, a_row, a_column, b, b_row, b_column, *beta, c, 1, c_column);
    }
}

/// Row stride and column stride of op(X), in elements.
fn strides(transpose: c_char, leading_dimension: c_int) -> (isize, isize) {
    let stride = offset(leading_dimension);
    let is_transposed = ![b'n', b'N'].contains(&(transpose as u8));
    if is_transposed { (stride, 1) } else { (1, stride) }
}

fn extent(size: c_int) -> usize {
    usize::try_from(size).unwrap_or(0)
}

fn offset(leading_dimension: c_int) -> isize {
    isize::try_from(leading_dimension).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The matrix op(X), stored with `padding` unused elements between columns.
    struct Operand {
        letter: char,
        stride: usize,
        elements: Vec<f32>,
    }

    impl Operand {
        fn new(letter: char, rows: usize, columns: usize, padding: usize, seed: f32) -> Self {
            let (stored_rows, stored_columns) = if letter == 'N' { (rows, columns) } else { (columns, rows) };
            let stride = stored_rows + padding;
            let elements = (0..stride * stored_columns).map(|i| (i as f32 * 0.7 + seed).sin()).collect();
            Self { letter, stride, elements }
        }

        fn at(&self, row: usize, column: usize) -> f64 {
            let (row, column) = if self.letter == 'N' { (row, column) } else { (column, row) };
            f64::from(self.elements[row + column * self.stride])
        }
    }

    proptest! {
        #[test]
        fn the_product_equals_the_naive_one(
            letters in proptest::sample::select(vec![('N', 'N'), ('N', 'T'), ('T', 'N'), ('T', 'C')]),
            sizes in (0..20_usize, 0..20_usize, 0..40_usize),
            padding in (0..3_usize, 0..3_usize, 0..3_usize),
            alpha in proptest::sample::select(vec![0.0_f32, 1.0, -2.0]),
            beta in proptest::sample::select(vec![0.0_f32, 1.0, 0.5]),
        ) {
            let (m, n, k) = sizes;
            let a = Operand::new(letters.0, m, k, padding.0, 0.1);
            let b = Operand::new(letters.1, k, n, padding.1, 0.2);
            let stride = (m + padding.2).max(1);
            // With β = 0, C may hold NaN.
            let initial = if beta == 0.0 { f32::NAN } else { 3.0 };
            let mut c = vec![initial; stride * n];
            let int = |size: usize| c_int::try_from(size).unwrap();
            let (ta, tb) = (letters.0 as c_char, letters.1 as c_char);
            let ints = [m, n, k, a.stride.max(1), b.stride.max(1), stride].map(int);
            // SAFETY: the operands have these extents and strides.
            unsafe {
                sgemm_(
                    &ta, &tb, &ints[0], &ints[1], &ints[2], &alpha, a.elements.as_ptr(), &ints[3],
                    b.elements.as_ptr(), &ints[4], &beta, c.as_mut_ptr(), &ints[5],
                );
            }
            for column in 0..n {
                for row in 0..m {
                    let product: f64 = (0..k).map(|i| a.at(row, i) * b.at(i, column)).sum();
                    let scaled = if beta == 0.0 { 0.0 } else { f64::from(beta) * 3.0 };
                    let expected = f64::from(alpha) * product + scaled;
                    let found = f64::from(c[row + column * stride]);
                    prop_assert!((found - expected).abs() < 1e-4, "{found} {expected}");
                }
                for row in m..stride {
                    let untouched = c[row + column * stride];
                    prop_assert!(untouched.to_bits() == initial.to_bits());
                }
            }
        }
    }
}
