//! A finding in the style of rustc: what, where in the text, what it does, what helps.
//!
//! ```text
//! error[WEIR0003]: apps/wrr2 reaches itself: apps/wrr2 -> apps/mirror1 -> apps/wrr2
//!   --> k8s/apps.yaml:31:15
//!    |
//! 31 |       - name: mirror1
//!    |               ^^^^^^^ leads back to apps/wrr2
//!    |
//!    = object: TraefikService apps/wrr2, spec.weighted.services[1].name
//!    = effect: requests for apps/wrr2 are answered with 503
//!    = help: remove one of the references
//! ```

use std::io;

use super::window::{Window, printable, window};
use super::{Place, Report, Severity};

/// How a terminal is to show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Text only.
    Plain,
    /// With ANSI escapes for colours.
    Coloured,
}

/// Other places than the first that are shown; a long cycle has thousands.
const MAX_RELATED: usize = 10;

/// Writes one finding, with a line break at the end and no blank line behind it.
pub fn write(out: &mut dyn io::Write, report: &Report<'_>, style: Style) -> io::Result<()> {
    let related = report.related.iter().take(MAX_RELATED);
    let mut marks: Vec<_> = related
        .map(|(place, label)| Mark::related(place, label))
        .collect();
    if let Some(place) = &report.place {
        marks.insert(0, Mark::primary(place, report));
    }
    let widest = marks.iter().map(|mark| mark.place.span.line).max();
    let mut writer = Writer {
        out,
        style,
        gutter: widest.map_or(1, |line| line.to_string().len()),
    };
    writer.header(report)?;
    writer.marks(marks)?;
    writer.notes(report)
}

/// A place with what is written at it.
struct Mark<'r> {
    place: &'r Place<'r>,
    label: &'r str,
    line: &'static str,
    colour: Colour,
}

impl<'r> Mark<'r> {
    fn primary(place: &'r Place<'r>, report: &'r Report<'_>) -> Self {
        Self {
            place,
            label: report.label.unwrap_or_default(),
            line: "^",
            colour: Colour::of(report.severity),
        }
    }

    fn related(place: &'r Place<'r>, label: &'r str) -> Self {
        Self {
            place,
            label,
            line: "-",
            colour: Colour::Frame,
        }
    }

    fn window(&self) -> Window {
        window(self.place.text, self.place.span.start, self.place.span.end)
    }
}

/// What is coloured alike.
#[derive(Debug, Clone, Copy)]
enum Colour {
    Error,
    Warning,
    Info,
    /// Line numbers, bars and what is beside the point.
    Frame,
    Strong,
}

impl Colour {
    const fn of(severity: Severity) -> Self {
        match severity {
            Severity::Error => Self::Error,
            Severity::Warning => Self::Warning,
            Severity::Info => Self::Info,
        }
    }

    /// The parameters of ANSI's "select graphic rendition": bold, and a colour.
    const fn parameters(self) -> &'static str {
        match self {
            Self::Error => "1;31",
            Self::Warning => "1;33",
            Self::Info => "1;36",
            Self::Frame => "1;34",
            Self::Strong => "1",
        }
    }
}

struct Writer<'o> {
    out: &'o mut dyn io::Write,
    style: Style,
    /// Columns of the largest line number.
    gutter: usize,
}

impl Writer<'_> {
    fn header(&mut self, report: &Report<'_>) -> io::Result<()> {
        let kind = format!("{}[{}]", report.severity.as_str(), report.code);
        let kind = self.paint(Colour::of(report.severity), &kind);
        let message = printable(report.message);
        let message = self.paint(Colour::Strong, &format!(": {}", message.replace('\n', "\n  ")));
        writeln!(self.out, "{kind}{message}")
    }

    /// The places, those of the first one's file first, each file in the order of its lines.
    fn marks(&mut self, marks: Vec<Mark<'_>>) -> io::Result<()> {
        let mut files: Vec<Vec<Mark<'_>>> = Vec::new();
        for mark in marks {
            match files
                .iter_mut()
                .find(|file| file[0].place.file == mark.place.file)
            {
                Some(file) => file.push(mark),
                None => files.push(vec![mark]),
            }
        }
        for (index, mut file) in files.into_iter().enumerate() {
            let Place { file: name, span, .. } = *file[0].place;
            let arrow = self.paint(Colour::Frame, if index == 0 { "-->" } else { ":::" });
            let (name, gutter) = (printable(name), self.gutter);
            writeln!(
                self.out,
                "{:gutter$}{arrow} {name}:{}:{}",
                "", span.line, span.column
            )?;
            self.bar("")?;
            file.sort_by_key(|mark| mark.place.span.line);
            self.lines(&file)?;
            self.bar("")?;
        }
        Ok(())
    }

    fn lines(&mut self, marks: &[Mark<'_>]) -> io::Result<()> {
        let mut shown: Option<(usize, String)> = None;
        for mark in marks {
            let line = mark.place.span.line;
            let window = mark.window();
            if let Some((last, _)) = &shown
                && *last + 1 < line
            {
                let dots = self.paint(Colour::Frame, "...");
                writeln!(self.out, "{dots}")?;
            }
            let is_shown = matches!(&shown, Some((last, text)) if *last == line && *text == window.text);
            if !is_shown {
                let number = format!("{line:>width$} |", width = self.gutter);
                let number = self.paint(Colour::Frame, &number);
                writeln!(self.out, "{}", format!("{number} {}", window.text).trim_end())?;
            }
            let label = printable(mark.label).replace('\n', " ");
            let arrows = format!("{} {label}", mark.line.repeat(window.marked));
            let arrows = self.paint(mark.colour, arrows.trim_end());
            self.bar(&format!(" {:1$}{arrows}", "", window.before))?;
            shown = Some((line, window.text));
        }
        Ok(())
    }

    fn notes(&mut self, report: &Report<'_>) -> io::Result<()> {
        let object = match (report.object.as_str(), report.field.as_str()) {
            ("", field) => field.to_owned(),
            (object, "") => object.to_owned(),
            (object, field) => format!("{object}, {field}"),
        };
        let more = report
            .related
            .len()
            .checked_sub(MAX_RELATED)
            .filter(|&more| more > 0);
        let more = more.map(|more| format!("{more} more places take part"));
        let object = Some(object.as_str()).filter(|object| !object.is_empty());
        let notes = object
            .map(|object| ("object", object))
            .into_iter()
            .chain(report.effect.map(|effect| ("effect", effect)))
            .chain(report.help.iter().map(|help| ("help", *help)))
            .chain(more.as_deref().map(|more| ("note", more)));
        for (name, text) in notes {
            let (equals, strong) = (self.paint(Colour::Frame, "="), self.paint(Colour::Strong, name));
            let indent = format!("\n{:1$}", "", self.gutter + name.len() + 5);
            let text = printable(text).replace('\n', &indent);
            let gutter = self.gutter;
            writeln!(self.out, "{:gutter$} {equals} {strong}: {text}", "")?;
        }
        Ok(())
    }

    /// A line of the frame without a number.
    fn bar(&mut self, text: &str) -> io::Result<()> {
        let gutter = self.gutter;
        let bar = self.paint(Colour::Frame, "|");
        writeln!(self.out, "{:gutter$} {bar}{text}", "")
    }

    fn paint(&self, colour: Colour, text: &str) -> String {
        match self.style {
            Style::Plain => text.to_owned(),
            Style::Coloured => format!("\u{1b}[{}m{text}\u{1b}[0m", colour.parameters()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::testing::{TEXT, place, report};

    fn shown(report: &Report<'_>) -> String {
        let mut out = Vec::new();
        write(&mut out, report, Style::Plain).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn shows_the_line_the_place_and_what_helps() {
        let report = report(Some(place("k8s/apps.yaml", TEXT, "mirror1")));
        insta::assert_snapshot!(shown(&report), @r"
        error[WEIR0003]: apps/wrr2 reaches itself: apps/wrr2 -> apps/mirror1 -> apps/wrr2
          --> k8s/apps.yaml:11:15
           |
        11 |       - name: mirror1
           |               ^^^^^^^ leads back to apps/wrr2
           |
           = object: TraefikService apps/wrr2, spec.weighted.services[1].name
           = effect: requests for apps/wrr2 are answered with 503
           = help: remove one of the references
        ");
    }

    #[test]
    fn places_in_the_same_file_stand_in_the_order_of_lines_and_others_below() {
        let mut report = report(Some(place("a.yaml", TEXT, "mirror1")));
        report.related = vec![
            (
                place("a.yaml", TEXT, "kind: TraefikService"),
                "this object".to_owned(),
            ),
            (
                place("a.yaml", TEXT, "name: mirror1"),
                "this reference".to_owned(),
            ),
            (place("b.yaml", TEXT, "apps"), "the way back".to_owned()),
            (place("a.yaml", TEXT, "port"), String::new()),
        ];
        report.label = None;
        insta::assert_snapshot!(shown(&report), @r"
        error[WEIR0003]: apps/wrr2 reaches itself: apps/wrr2 -> apps/mirror1 -> apps/wrr2
          --> a.yaml:11:15
           |
         2 | kind: TraefikService
           | -------------------- this object
        ...
        10 |         port: 80
           |         ----
        11 |       - name: mirror1
           |               ^^^^^^^
           |         ------------- this reference
           |
          ::: b.yaml:5:14
           |
         5 |   namespace: apps
           |              ---- the way back
           |
           = object: TraefikService apps/wrr2, spec.weighted.services[1].name
           = effect: requests for apps/wrr2 are answered with 503
           = help: remove one of the references
        ");
    }

    #[test]
    fn without_a_place_there_are_only_words() {
        let mut report = report(None);
        report.severity = Severity::Info;
        report.effect = None;
        report.field.clear();
        report.help = vec!["first\nsecond line", "another"];
        insta::assert_snapshot!(shown(&report), @r"
        info[WEIR0003]: apps/wrr2 reaches itself: apps/wrr2 -> apps/mirror1 -> apps/wrr2
          = object: TraefikService apps/wrr2
          = help: first
                  second line
          = help: another
        ");
    }

    #[test]
    fn of_very_many_places_the_first_are_shown_and_the_rest_counted() {
        let mut report = report(Some(place("a.yaml", TEXT, "mirror1")));
        report.related = vec![(place("a.yaml", TEXT, "kind"), "here".to_owned()); 1000];
        let shown = shown(&report);
        assert_eq!(shown.matches("here").count(), MAX_RELATED);
        assert!(shown.ends_with("= note: 990 more places take part\n"), "{shown}");
    }

    #[test]
    fn colours_change_nothing_but_colours() {
        let report = report(Some(place("k8s/apps.yaml", TEXT, "mirror1")));
        let mut out = Vec::new();
        write(&mut out, &report, Style::Coloured).unwrap();
        let coloured = String::from_utf8(out).unwrap();
        assert!(coloured.starts_with("\u{1b}[1;31merror[WEIR0003]\u{1b}[0m\u{1b}[1m: apps/wrr2"));
        let mut plain = coloured;
        for colour in [
            Colour::Error,
            Colour::Warning,
            Colour::Info,
            Colour::Frame,
            Colour::Strong,
        ] {
            plain = plain.replace(&format!("\u{1b}[{}m", colour.parameters()), "");
        }
        assert_eq!(plain.replace("\u{1b}[0m", ""), shown(&report));
    }

    #[test]
    fn words_from_a_manifest_cannot_steer_the_terminal() {
        let mut report = report(Some(place("a\u{1b}[2J.yaml", TEXT, "mirror1")));
        report.message = "bad\u{7}";
        report.label = Some("bad\u{1b}[0m");
        report.object.push('\u{202e}');
        assert!(!shown(&report).contains(['\u{7}', '\u{1b}', '\u{202e}']));
    }

    #[test]
    fn no_line_ends_with_a_blank() {
        let text = "a:\n\n";
        let mut place = place("a.yaml", text, "a");
        (
            place.span.start,
            place.span.end,
            place.span.line,
            place.span.column,
        ) = (3, 3, 2, 1);
        let mut report = report(Some(place));
        report.label = None;
        assert!(shown(&report).lines().all(|line| line.trim_end() == line));
    }
}
