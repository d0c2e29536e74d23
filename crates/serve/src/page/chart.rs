//! A line over the last samples, as SVG in the page: no script, no style of its own.

use super::html::Html;

/// Units of the drawing, which the stylesheet stretches.
const WIDTH: f64 = 600.0;
/// Units of the drawing.
const HEIGHT: f64 = 80.0;

/// Appends a chart from zero to the largest value; `at` is where a value stands, in any unit of time.
/// Nothing is drawn of fewer than two values.
pub fn line(main: &mut Html, title: &'static str, points: &[(f64, f64)], top: impl Fn(f64) -> String) {
    let (Some((first, _)), Some((last, _))) = (points.first(), points.last()) else { return };
    let span = last - first;
    if points.len() < 2 || span <= 0.0 {
        return;
    }
    let most = points.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    main.raw("<figure><figcaption>").raw(title).raw(", at most ").text(&top(most));
    main.raw("</figcaption><svg viewBox=\"0 0 600 80\" preserveAspectRatio=\"none\" role=\"img\"><polyline points=\"");
    for (at, value) in points {
        let x = (at - first) / span * WIDTH;
        // a unit is left at the top and at the bottom for the line's own width
        let share = if most > 0.0 { value / most } else { 0.0 };
        let y = HEIGHT - 1.0 - share * (HEIGHT - 2.0);
        main.show(format_args!("{x:.0},{y:.1} "));
    }
    main.raw("\"/></svg></figure>\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(points: &[(f64, f64)]) -> String {
        let mut main = Html::default();
        line(&mut main, "CPU", points, |most| format!("{most:.1} <cores>"));
        main.into_string()
    }

    #[test]
    fn a_line_goes_from_left_to_right_and_up_to_the_largest() {
        let svg = drawn(&[(10.0, 0.0), (11.0, 2.0), (12.0, 1.0)]);
        assert!(svg.contains("points=\"0,79.0 300,1.0 600,40.0 \""), "{svg}");
        assert!(svg.contains("at most 2.0 &lt;cores&gt;"), "{svg}");
    }

    #[test]
    fn nothing_is_drawn_of_one_value() {
        assert_eq!(drawn(&[]), "");
        assert_eq!(drawn(&[(1.0, 1.0)]), "");
        assert_eq!(drawn(&[(1.0, 1.0), (1.0, 2.0)]), "", "no time passed");
    }

    #[test]
    fn a_line_of_zeros_lies_at_the_bottom() {
        assert!(drawn(&[(0.0, 0.0), (1.0, 0.0)]).contains("0,79.0 600,79.0 "));
    }
}
