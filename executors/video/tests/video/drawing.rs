//! Draws videos with known scenes and transitions, and encodes them with ffmpeg.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Size and rate of the drawn videos.
pub(crate) const WIDTH: usize = 160;
pub(crate) const HEIGHT: usize = 90;
pub(crate) const RATE: u32 = 25;

/// A transition between two scenes: its first and last frame, the same for a hard cut.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Transition {
    pub(crate) first: usize,
    pub(crate) last: usize,
}

/// Kind of the transitions of a video.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Transitions {
    Cuts,
    /// Dissolves and fades through black, of 8 to 32 frames.
    Fades,
}

/// A drawn video.
pub(crate) struct Drawn {
    pub(crate) frames: Vec<Vec<u8>>,
    pub(crate) transitions: Vec<Transition>,
}

/// A scene: a moving pattern in two colours, with moving discs over some.
struct Scene {
    kind: u32,
    colours: [[f32; 3]; 2],
    numbers: [f32; 4],
    discs: Vec<Disc>,
}

/// A moving disc; the speed is in pixels per frame.
struct Disc {
    centre: [f32; 2],
    speed: [f32; 2],
    radius: f32,
    colour: [f32; 3],
}

impl Scene {
    fn random(rng: &mut ChaCha8Rng) -> Self {
        let mut colour = || [0; 3].map(|_| rng.random_range(0.0..256.0));
        let colours = [colour(), colour()];
        let kind = rng.random_range(0..6);
        let count = if kind == 0 { 5 } else { rng.random_range(0..3) };
        let disc = |rng: &mut ChaCha8Rng| {
            let centre = [rng.random_range(0.0..WIDTH as f32), rng.random_range(0.0..HEIGHT as f32)];
            let speed = [rng.random_range(-1.5..1.5), rng.random_range(-1.0..1.0)];
            let radius = rng.random_range(5.0..20.0);
            Disc { centre, speed, radius, colour: [0; 3].map(|_| rng.random_range(0.0..256.0)) }
        };
        let discs = (0..count).map(|_| disc(rng)).collect();
        Self { kind, colours, numbers: [0; 4].map(|_| rng.random_range(0.0..1.0)), discs }
    }

    /// Share of the second colour in the pattern, from 0 to 1.
    fn pattern(&self, x: f32, y: f32, time: f32) -> f32 {
        let [a, b, c, _] = self.numbers;
        match self.kind {
            0 => 0.0,
            1 => {
                ((x * (a * 6.0).cos() + y * (a * 6.0).sin()) / (10.0 + 30.0 * b) + time * 0.04).sin() / 2.0
                    + 0.5
            }
            2 => {
                // A board that moves by whole pixels.
                let size = (8.0 + 12.0 * b).round();
                let shift = (time * (0.5 + c)).round();
                (((x + shift) / size).floor() + (y / size).floor()).rem_euclid(2.0)
            }
            3 => (y / HEIGHT as f32 + 0.1 * (time * 0.1 * a).sin()).clamp(0.0, 1.0),
            4 => {
                let (dx, dy) = (x - 80.0 - 10.0 * (time * 0.03).sin(), y - 45.0);
                (dx.hypot(dy) / (6.0 + 8.0 * a) - time * 0.05).sin() / 2.0 + 0.5
            }
            _ => ((x + y * a) / 250.0 + time * 0.001).fract(),
        }
    }

    fn draw(&self, time: f32, noise: &mut ChaCha8Rng) -> Vec<f32> {
        let mut picture = Vec::with_capacity(WIDTH * HEIGHT * 3);
        let centres: Vec<_> = self
            .discs
            .iter()
            .map(|Disc { centre, speed, radius, colour }| {
                let x = (centre[0] + speed[0] * time).rem_euclid(WIDTH as f32);
                let y = (centre[1] + speed[1] * time).rem_euclid(HEIGHT as f32);
                (x, y, radius * radius, colour)
            })
            .collect();
        for row in 0..HEIGHT {
            for column in 0..WIDTH {
                let (x, y) = (column as f32, row as f32);
                let share = self.pattern(x, y, time);
                let disc =
                    centres.iter().find(|(dx, dy, square, _)| (x - dx).powi(2) + (y - dy).powi(2) < *square);
                let grain = noise.random_range(-5.0..5.0);
                for channel in 0..3 {
                    let [first, second] = self.colours.map(|colour| colour[channel]);
                    let value = disc.map_or(first + (second - first) * share, |(.., colour)| colour[channel]);
                    picture.push((value + grain).clamp(0.0, 255.0));
                }
            }
        }
        picture
    }
}

/// Draws a video of this number of scenes.
pub(crate) fn draw(seed: u64, scenes: usize, transitions: Transitions) -> Drawn {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut drawn = Drawn { frames: Vec::new(), transitions: Vec::new() };
    let mut before: Option<(Scene, usize)> = None;
    for _ in 0..scenes {
        let scene = Scene::random(&mut rng);
        let length = rng.random_range(35..80);
        let mut time = 0;
        if let Some((last, last_time)) = before {
            let frames = if transitions == Transitions::Cuts { 0 } else { rng.random_range(8..33) };
            let through_black = rng.random_bool(0.5);
            let first = drawn.frames.len();
            for step in 0..frames {
                let share = (step as f32 + 1.0) / (frames as f32 + 1.0);
                let weights = match through_black {
                    true => [(1.0 - 2.0 * share).max(0.0), (2.0 * share - 1.0).max(0.0)],
                    false => [1.0 - share, share],
                };
                let old = last.draw((last_time + step) as f32, &mut rng);
                let new = scene.draw(step as f32, &mut rng);
                drawn.frames.push(
                    old.iter()
                        .zip(&new)
                        .map(|(old, new)| (old * weights[0] + new * weights[1]) as u8)
                        .collect(),
                );
            }
            drawn.transitions.push(Transition { first, last: first + frames });
            time = frames;
        }
        for _ in 0..length {
            drawn.frames.push(scene.draw(time as f32, &mut rng).iter().map(|value| *value as u8).collect());
            time += 1;
        }
        before = Some((scene, time));
    }
    drawn
}

/// Encodes raw frames of [`WIDTH`] × [`HEIGHT`] pixels into a file, with further arguments for the output.
pub(crate) fn encode(frames: &[Vec<u8>], path: &Path, arguments: &[&str]) {
    let size = format!("{WIDTH}x{HEIGHT}");
    let mut ffmpeg = Command::new("ffmpeg")
        .args([
            "-v",
            "error",
            "-y",
            "-f",
            "rawvideo",
            "-pix_fmt",
            "rgb24",
            "-s",
            &size,
            "-r",
            &RATE.to_string(),
        ])
        .args(["-i", "pipe:0", "-pix_fmt", "yuv420p"])
        .args(arguments)
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = ffmpeg.stdin.take().unwrap();
    frames.iter().for_each(|frame| input.write_all(frame).unwrap());
    drop(input);
    assert!(ffmpeg.wait().unwrap().success());
}

/// Frames of one grey level each, which rises by one for each frame.
pub(crate) fn levels(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|level| vec![level as u8; WIDTH * HEIGHT * 3]).collect()
}

/// Runs ffmpeg with these arguments.
pub(crate) fn ffmpeg(arguments: &[&str]) {
    let status = Command::new("ffmpeg").args(["-v", "error", "-y"]).args(arguments).status().unwrap();
    assert!(status.success(), "{arguments:?}");
}
