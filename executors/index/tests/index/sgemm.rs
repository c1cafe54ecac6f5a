//! FAISS calls our `sgemm_`, not that of the system's BLAS.
#![expect(unsafe_code, reason = "takes the address of a linked symbol")]

use faiss::{Index as _, MetricType, index_factory};

unsafe extern "C" {
    fn sgemm_();
}

#[test]
fn the_linked_sgemm_is_in_this_program() {
    let address = sgemm_ as *const () as usize;
    let maps = flowrun_sdk::guard::read_text("/proc/self/maps".as_ref(), 1 << 24).unwrap();
    let holds_it = |line: &&str| {
        let (start, end) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
        let number = |text| usize::from_str_radix(text, 16).unwrap();
        (number(start)..number(end)).contains(&address)
    };
    let mapping = maps.lines().find(holds_it).unwrap();
    assert!(mapping.ends_with(std::env::current_exe().unwrap().to_str().unwrap()), "{mapping}");
}

#[test]
fn batched_searches_use_it_and_are_correct() {
    let mut index = index_factory(3, "Flat", MetricType::InnerProduct).unwrap();
    index.add(&[1.0, 0.0, 0.0, 0.0, 2.0, 0.0]).unwrap();
    let found = index.search(&[0.5, 0.25, 9.0].repeat(40), 2).unwrap();
    assert_eq!(found.distances, [0.5, 0.5].repeat(40));
}
