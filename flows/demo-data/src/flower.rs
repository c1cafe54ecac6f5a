//! Draws a picture of a flower: background, stem with one leaf, petals and eye; optionally noise and mirroring.

use crate::canvas::{Canvas, coverage};
use crate::colour::Colour;
use crate::flower_class::{FlowerClass, Tint};
use crate::petal::Petal;
use crate::point::{Point, direction};
use crate::seeded_rng::SeededRng;

/// Shortest and longest side of a picture, in pixels.
pub(crate) const SIDE_PIXELS: (usize, usize) = (64, 320);

/// A flower on its canvas. Lengths are in pixels.
struct Flower {
    class: FlowerClass,
    colour: Colour,
    centre: Point,
    radius: f64,
    /// Direction of the first petal, in turns.
    turn: f64,
    /// Ratio of the flower's height to its width, below 1 if it is seen at an angle.
    tilt: f64,
}

/// A petal, or the leaf at the stem.
struct Leaf {
    outline: Petal,
    /// Largest half width, relative to the length.
    width: f64,
    root: Point,
    /// Direction, a unit vector.
    axis: Point,
    /// Length in pixels.
    length: f64,
    colour: Colour,
    /// Colour that darker parts are mixed with.
    shade: Colour,
}

/// Draws a picture of a class. Everything except the class is random.
pub(crate) fn draw(class: FlowerClass, rng: &mut SeededRng) -> Canvas {
    let (shortest, longest) = SIDE_PIXELS;
    let long = rng.integer(shortest, longest);
    let short = (long * rng.integer(85, 100) / 100).max(shortest);
    let (width, height) = if rng.percent(50) { (long, short) } else { (short, long) };
    let mut canvas = background(width, height, rng);
    let flower = Flower::new(class, width as f64, height as f64, rng);
    flower.paint_stem(&mut canvas, rng);
    flower.paint_ring(1.0, 0.0, &mut canvas, rng);
    if class.double {
        flower.paint_ring(0.72, 0.5, &mut canvas, rng);
    }
    flower.paint_eye(&mut canvas);
    if rng.percent(40) {
        canvas.add_noise(rng.integer(6, 24) as i32, rng);
    }
    if rng.percent(50) {
        canvas.mirror();
    }
    canvas
}

/// Blurred leaves, sky, soil or shade, independent of the class.
fn background(width: usize, height: usize, rng: &mut SeededRng) -> Canvas {
    let (hue, saturation, value) =
        rng.pick([(0.3, 0.55, 0.35), (0.56, 0.4, 0.8), (0.08, 0.45, 0.35), (0.7, 0.1, 0.2)]);
    let tone = |rng: &mut SeededRng| {
        let (hue, value) = (hue + rng.between(-0.05, 0.05), value * rng.between(0.75, 1.2));
        Colour::from_hsv(hue, saturation * rng.between(0.6, 1.1), value.min(1.0))
    };
    let (top, bottom) = (tone(rng), tone(rng));
    let mut canvas = Canvas::new(width, height, |point| top.mix(bottom, point.y / height as f64));
    let side = width.max(height) as f64;
    for _ in 0..rng.below(9) {
        let centre = Point::new(rng.between(0.0, width as f64), rng.between(0.0, height as f64));
        let (spot, radius) = (tone(rng), side * rng.between(0.05, 0.2));
        let softness = rng.between(0.1, 0.4) * radius;
        canvas.paint(centre, radius + softness, |pixel| {
            (spot, 0.7 * coverage(((pixel - centre).length() - radius) / softness))
        });
    }
    canvas
}

impl Flower {
    fn new(class: FlowerClass, width: f64, height: f64, rng: &mut SeededRng) -> Self {
        let period = 1.0 / class.petals as f64;
        Self {
            class,
            colour: class.tint.colour(rng.between(-0.02, 0.02), rng.between(-0.2, 0.15)),
            centre: Point::new(width * rng.between(0.48, 0.52), height * rng.between(0.44, 0.48)),
            radius: width.min(height) * rng.between(0.4, 0.44),
            turn: -0.25 + period * rng.between(-0.08, 0.08),
            tilt: rng.between(0.92, 1.0),
        }
    }

    /// Paints the stem, bent to one side, with a leaf on the other side.
    fn paint_stem(&self, canvas: &mut Canvas, rng: &mut SeededRng) {
        let green = Colour::from_hsv(rng.between(0.27, 0.36), 0.6, rng.between(0.4, 0.6));
        let (thickness, bend) =
            (self.radius * rng.between(0.05, 0.08), self.radius * rng.between(0.15, 0.35));
        let reach = canvas.width().max(canvas.height()) as f64;
        let fall = reach - self.centre.y;
        canvas.paint(self.centre, reach, |pixel| {
            let below = (pixel.y - self.centre.y) / fall;
            let aside = (pixel.x - self.centre.x - bend * below * below).abs();
            (green, if below > 0.0 { coverage(aside - thickness) } else { 0.0 })
        });
        let root = self.centre + Point::new(0.2 * bend, 0.95 * self.radius);
        let axis = direction(rng.between(0.42, 0.47));
        let leaf = Leaf {
            outline: Petal::Pointed,
            width: 0.22,
            root,
            axis,
            length: 0.8 * self.radius,
            colour: green.raised(14),
            shade: Colour::BLACK,
        };
        leaf.paint(1.0, canvas);
    }

    /// Paints a ring of petals, `size` times as long as the flower's radius, rotated by `shift` of the angle between
    /// petals.
    fn paint_ring(&self, size: f64, shift: f64, canvas: &mut Canvas, rng: &mut SeededRng) {
        let FlowerClass { tint, petal, petals, width, .. } = self.class;
        let shade = if tint == Tint::White { Colour([120, 130, 150]) } else { Colour::BLACK };
        let period = 1.0 / petals as f64;
        for number in 0..petals {
            let wobble = rng.between(-0.05, 0.05);
            let leaf = Leaf {
                outline: petal,
                width,
                root: self.centre,
                axis: direction(self.turn + period * (number as f64 + shift + wobble)),
                length: size * self.radius * rng.between(0.94, 1.04),
                colour: self.colour.raised(rng.integer(0, 20) as i32 - 14),
                shade,
            };
            leaf.paint(self.tilt, canvas);
        }
    }

    /// Paints the eye: a disc with a darker rim and seeds.
    fn paint_eye(&self, canvas: &mut Canvas) {
        let (colour, radius) = (self.class.eye.colour(), self.class.eye_radius * self.radius);
        let seed = (0.28 * radius).max(2.0);
        canvas.paint(self.centre, radius + 1.0, |pixel| {
            let seen = pixel - self.centre;
            let untilted = Point::new(seen.x, seen.y / self.tilt);
            let distance = untilted.length() - radius;
            let (column, row) = ((untilted.x / seed).floor(), (untilted.y / seed).floor());
            let seeded = (column + row) as i64 % 2 == 0;
            let lit = if seeded { colour } else { colour.mix(Colour::BLACK, 0.16) };
            (lit.mix(Colour::BLACK, 0.35 * coverage(-distance - 0.12 * radius)), coverage(distance))
        });
    }
}

impl Leaf {
    /// Paints the leaf: darker at its edge and towards its root, with a vein. `tilt` is the ratio of height to width.
    fn paint(&self, tilt: f64, canvas: &mut Canvas) {
        canvas.paint(self.root, 1.1 * self.length + 2.0, |pixel| {
            let seen = pixel - self.root;
            let position = Point::new(seen.x, seen.y / tilt).along(self.axis) * (1.0 / self.length);
            let distance = self.outline.distance(position.x, position.y, self.width) * self.length;
            let covered = coverage(distance);
            if covered <= 0.0 {
                return (self.colour, 0.0);
            }
            let rim = 0.4 * coverage(-distance - 0.03 * self.length);
            let vein = 0.15 * coverage((position.y.abs() - 0.012) * self.length);
            let depth = 0.35 * (0.6 - position.x).max(0.0);
            (self.colour.mix(self.shade, rim.max(vein).max(depth)), covered)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flower_class::FLOWER_CLASSES;
    use crate::seeded_rng::Purpose;

    #[test]
    fn a_picture_shows_the_colours_of_its_flower() {
        for (number, class) in (0..).zip(FLOWER_CLASSES) {
            let picture = draw(class, &mut SeededRng::new(3, Purpose::Picture, number));
            let near = |colour: Colour, reach: u32| {
                let alike =
                    picture.pixels().iter().filter(|pixel| pixel.distance(colour) < reach * reach).count();
                alike as f64 / picture.pixels().len() as f64
            };
            let (petals, eye) = (near(class.tint.colour(0.0, 0.0), 90), near(class.eye.colour(), 60));
            assert!(petals > 0.05 && eye > 0.002, "{}: {petals} {eye}", class.label);
        }
    }

    #[test]
    fn sides_stay_within_bounds_and_vary() {
        let sizes: std::collections::BTreeSet<(usize, usize)> = (0..40)
            .map(|index| draw(FLOWER_CLASSES[0], &mut SeededRng::new(3, Purpose::Picture, index)))
            .map(|picture| (picture.width(), picture.height()))
            .collect();
        assert!(sizes.len() > 30);
        for side in sizes.into_iter().flat_map(|(width, height)| [width, height]) {
            assert!((SIDE_PIXELS.0..=SIDE_PIXELS.1).contains(&side), "{side}");
        }
    }

    #[test]
    fn equal_random_streams_give_equal_pictures() {
        let picture = || draw(FLOWER_CLASSES[7], &mut SeededRng::new(9, Purpose::Picture, 1));
        assert_eq!(picture(), picture());
    }

    #[test]
    fn a_flower_has_as_many_petals_as_its_class() {
        const STEPS: u32 = 2000;
        // Petals of fans and double flowers overlap and cannot be counted.
        let countable = |class: &FlowerClass| !class.double && class.petal != Petal::Fan;
        for class in FLOWER_CLASSES.into_iter().filter(countable) {
            let mut rng = SeededRng::new(8, Purpose::Picture, 0);
            let mut canvas = Canvas::new(300, 300, |_| Colour::BLACK);
            let flower = Flower::new(class, 300.0, 300.0, &mut rng);
            flower.paint_ring(1.0, 0.0, &mut canvas, &mut rng);
            // Count the petals that begin on circles of different radii. Near the tips notched petals begin twice; near
            // the centre petals touch.
            let petals_at_radius = |part: f64| {
                let inside = |step: u32| {
                    let offset =
                        direction(f64::from(step % STEPS) / f64::from(STEPS)) * (part * flower.radius);
                    let (x, y) = (flower.centre.x + offset.x, flower.centre.y + flower.tilt * offset.y);
                    canvas.pixels()[y as usize * 300 + x as usize].luma() > 25
                };
                (0..STEPS).filter(|&step| inside(step + 1) && !inside(step)).count()
            };
            let counts: Vec<usize> = (70..96).map(|part| petals_at_radius(f64::from(part) / 100.0)).collect();
            assert!(counts.contains(&class.petals), "{}: {counts:?}", class.label);
        }
    }

    #[test]
    fn leaves_grow_on_both_sides() {
        // The leaf is below the flower, left or right of the stem: that half is greener than the other.
        let greener = |index| {
            let picture = draw(FLOWER_CLASSES[3], &mut SeededRng::new(4, Purpose::Picture, index));
            let (width, height) = (picture.width(), picture.height());
            let rows = picture.pixels().chunks_exact(width).skip(height * 8 / 10);
            let mut halves = [0_i64; 2];
            for row in rows {
                for (column, &Colour([red, green, blue])) in row.iter().enumerate() {
                    halves[2 * column / width] += 2 * i64::from(green) - i64::from(red) - i64::from(blue);
                }
            }
            halves[0] > halves[1]
        };
        let left = (0..40).filter(|&index| greener(index)).count();
        assert!((8..=32).contains(&left), "{left}");
    }
}
