//! `SceneTagger`: its tags on drawn pictures with known labels.
//!
//! The labelled set has 400 scenes, half of them at night: dark with the lights of windows, lamps, cars, signs and the moon. Days
//! are clear, overcast, at sunset, in a forest or indoors. Exposure and noise vary.

use flowrun_sdk::{Document, Tensor, Value};
use image::{Rgb, RgbImage};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use crate::fixtures::{run, try_bench, with_chunk};

const WIDTH: u32 = 160;
const HEIGHT: u32 = 90;
/// Scenes of each label. The thresholds were chosen by other scenes (seeds from 1000).
const SCENES: u32 = 200;

/// The tags of an image, sent as a tensor of bytes.
fn tags(image: &RgbImage, with: &Value) -> Value {
    let shape = vec![image.height() as usize, image.width() as usize, 3];
    let tensor = Tensor::from_u8(shape, image.as_raw().clone()).unwrap();
    let tagged = run("SceneTagger", with, with_chunk(tensor)).unwrap();
    json!(*tagged.chunks[0].tags)
}

struct Painter {
    image: RgbImage,
    random: ChaCha8Rng,
}

impl Painter {
    fn new(seed: u32) -> Self {
        Self { image: RgbImage::new(WIDTH, HEIGHT), random: ChaCha8Rng::seed_from_u64(seed.into()) }
    }

    fn number(&mut self, from: i32, to: i32) -> i32 {
        self.random.random_range(from..to)
    }

    /// A colour near another.
    fn near(&mut self, [red, green, blue]: [u8; 3], by: i32) -> [u8; 3] {
        [red, green, blue].map(|channel| (i32::from(channel) + self.number(-by, by + 1)).clamp(0, 255) as u8)
    }

    /// A gradient from top to bottom between two heights.
    fn gradient(&mut self, (from, to): (i32, i32), top: [u8; 3], bottom: [u8; 3]) {
        for y in from.max(0)..to.min(HEIGHT as i32) {
            let part = f64::from(y - from) / f64::from((to - from).max(1));
            let mixed = |channel: usize| {
                (f64::from(top[channel]) * (1.0 - part) + f64::from(bottom[channel]) * part) as u8
            };
            (0..WIDTH).for_each(|x| self.image.put_pixel(x, y as u32, Rgb([mixed(0), mixed(1), mixed(2)])));
        }
    }

    fn rectangle(&mut self, (x, y): (i32, i32), (width, height): (i32, i32), colour: [u8; 3]) {
        for y in y.max(0)..(y + height).min(HEIGHT as i32) {
            (x.max(0)..(x + width).min(WIDTH as i32))
                .for_each(|x| self.image.put_pixel(x as u32, y as u32, Rgb(colour)));
        }
    }

    /// A disc of light with a glow around it.
    fn light(&mut self, (x, y): (i32, i32), radius: i32, colour: [u8; 3]) {
        for (at_x, at_y, pixel) in self.image.enumerate_pixels_mut() {
            let distance = f64::from(at_x as i32 - x).hypot(f64::from(at_y as i32 - y));
            let strength = (2.0 - distance / f64::from(radius)).clamp(0.0, 1.0);
            let lit = |channel: usize| f64::from(pixel.0[channel]) + strength * f64::from(colour[channel]);
            *pixel = Rgb([lit(0), lit(1), lit(2)].map(|lit| lit.min(255.0) as u8));
        }
    }

    fn buildings(&mut self, wall: [u8; 3], window: [u8; 3], lit: f64) {
        let mut x = 0;
        while x < WIDTH as i32 {
            let (width, height) = (self.number(12, 35), self.number(15, 60));
            let wall = self.near(wall, 12);
            let top = HEIGHT as i32 - 15 - height;
            self.rectangle((x, top), (width, height), wall);
            for (row, column) in
                (0..height / 7).flat_map(|row| (0..width / 6).map(move |column| (row, column)))
            {
                if self.random.random_bool(lit) {
                    let window = self.near(window, 25);
                    self.rectangle((x + 2 + 6 * column, top + 2 + 7 * row), (3, 4), window);
                }
            }
            x += width + self.number(-3, 8);
        }
    }

    /// Applies exposure and noise.
    fn finish(mut self, exposures: std::ops::Range<f64>, noise: i32) -> RgbImage {
        let exposure = self.random.random_range(exposures);
        for channel in self.image.iter_mut() {
            let noise = self.random.random_range(-noise..=noise);
            *channel = (f64::from(*channel) * exposure) as u8;
            *channel = (i32::from(*channel) + noise).clamp(0, 255) as u8;
        }
        self.image
    }
}

fn night(seed: u32) -> RgbImage {
    let mut painter = Painter::new(seed);
    let (top, bottom) = (painter.near([10, 12, 30], 10), painter.near([30, 30, 50], 20));
    painter.gradient((0, HEIGHT as i32), top, bottom);
    let lit = f64::from(painter.number(5, 60)) / 100.0;
    painter.buildings([25, 24, 30], [220, 190, 110], lit);
    let road = painter.near([28, 28, 30], 12);
    painter.rectangle((0, HEIGHT as i32 - 15), (WIDTH as i32, 15), road);
    for _ in 0..painter.number(0, 9) {
        let at = (painter.number(0, 160), painter.number(20, 85));
        let (radius, colour) = (painter.number(2, 7), painter.near([230, 190, 120], 25));
        painter.light(at, radius, colour);
    }
    if painter.random.random_bool(0.4) {
        let at = (painter.number(0, 160), painter.number(5, 30));
        painter.light(at, 6, [230, 230, 210]);
    }
    if painter.random.random_bool(0.3) {
        let (at, sign) = ((painter.number(0, 120), painter.number(30, 60)), painter.near([200, 60, 160], 40));
        painter.rectangle(at, (30, 10), sign);
    }
    painter.finish(0.7..1.6, 8)
}

fn day(seed: u32) -> RgbImage {
    let mut painter = Painter::new(seed);
    let horizon = painter.number(25, 65);
    let (sky, low, ground) = match seed % 5 {
        0 => ([90, 150, 230], [190, 215, 240], [95, 140, 70]),
        1 => ([150, 155, 160], [190, 190, 190], [100, 100, 95]),
        2 => ([120, 110, 150], [250, 160, 90], [80, 65, 60]),
        3 => ([60, 95, 50], [45, 75, 40], [85, 70, 45]),
        _ => ([170, 160, 145], [150, 140, 125], [110, 85, 60]),
    };
    let (sky, low, ground) = (painter.near(sky, 20), painter.near(low, 20), painter.near(ground, 25));
    painter.gradient((0, horizon), sky, low);
    painter.gradient((horizon, HEIGHT as i32), ground, ground);
    if painter.random.random_bool(0.4) {
        painter.buildings([130, 120, 110], [60, 75, 90], 0.6);
    }
    // Shadows, trees and cars.
    for _ in 0..painter.number(0, 8) {
        let at = (painter.number(0, 150), painter.number(30, 80));
        let (size, colour) = ((painter.number(5, 30), painter.number(5, 25)), painter.near([50, 55, 45], 35));
        painter.rectangle(at, size, colour);
    }
    painter.finish(0.6..1.3, 8)
}

#[test]
fn drawn_nights_and_days_get_their_labels() {
    let is = |image: RgbImage, label: &str| tags(&image, &Value::Null)["time_of_day"] == label;
    let nights = (0..SCENES).filter(|seed| is(night(*seed), "night")).count();
    let days: Vec<u32> = (0..SCENES).filter(|seed| is(day(*seed), "day")).collect();
    let by_kind: Vec<usize> =
        (0..5).map(|kind| days.iter().filter(|seed| *seed % 5 == kind).count()).collect();
    println!(
        "of {SCENES} each: {nights} nights and {} days are right; days by kind, of 40: {by_kind:?}",
        days.len()
    );
    assert!(nights + days.len() >= 380 && nights >= 186 && days.len() >= 186);
}

#[test]
fn a_picture_and_its_blurred_grey_copy_differ_in_sharpness_and_colour_only() {
    for seed in 0..20 {
        let image = day(seed);
        let blurred = image::imageops::blur(&image, 2.0);
        let grey = image::DynamicImage::ImageRgb8(image.clone()).to_luma8();
        let grey = image::DynamicImage::ImageLuma8(grey).to_rgb8();
        let [image, blurred, grey] = [image, blurred, grey].map(|image| tags(&image, &Value::Null));
        let number = |tags: &Value, name: &str| tags[name].as_f64().unwrap();
        assert!(number(&blurred, "sharpness") < number(&image, "sharpness") / 4.0);
        assert!((number(&blurred, "brightness") - number(&image, "brightness")).abs() < 0.02);
        assert!(number(&grey, "colorfulness") < 0.01 && number(&image, "colorfulness") > 2.0);
        assert!((number(&grey, "brightness") - number(&image, "brightness")).abs() < 0.05);
    }
}

#[test]
fn thresholds_decide_night_and_colours() {
    let image = RgbImage::from_fn(10, 10, |x, _| if x < 4 { Rgb([20, 20, 20]) } else { Rgb([200, 30, 30]) });
    let found = tags(&image, &Value::Null);
    assert_eq!((&found["time_of_day"], &found["colours"]), (&json!("day"), &json!(["red", "black"])));
    let found = tags(&image, &json!({"night_share": 0.4, "colour_share": 0.5}));
    assert_eq!((&found["time_of_day"], &found["colours"]), (&json!("night"), &json!(["red"])));
    assert_eq!(tags(&image, &json!({"dark_luma": 0.4}))["time_of_day"], "night");
    let error = try_bench("SceneTagger", &json!({"night_share": 1.5})).err().unwrap();
    assert!(error.contains("`night_share`") && error.contains("must be from 0 to 1, but is 1.5"), "{error}");
}

#[test]
fn a_document_without_a_picture_fails_with_its_name() {
    let mut document = Document::new("doc");
    document.chunks = vec![document.new_chunk(0).with_text("no picture")].into();
    let error = run("SceneTagger", &Value::Null, document).unwrap_err();
    assert!(error.contains("doc#0"), "{error}");
}
