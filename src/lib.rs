//! flowrun
