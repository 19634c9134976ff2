//! systemd's calendar expressions, such as `Mon..Fri *-*-* 02:30:00 Europe/Berlin`, rewritten as a cron pattern with
//! seconds and years, for one matcher to serve both. Grammar: systemd.time(7), "Calendar Events".

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

/// A calendar expression in two parts.
#[derive(Clone, Debug)]
pub(super) struct Calendar {
    /// When, in whatever zone.
    pub(super) times: Cron,
    /// The time zone that it names.
    pub(super) zone: Option<String>,
}

/// Reads `text`.
///
/// # Errors
/// Says what is not understood: fractions of a second, and days counted from the end but the last one.
pub(super) fn parse(text: &str) -> Result<Calendar, String> {
    let (pattern, zone) = pattern(text)?;
    let parser = CronParser::builder().seconds(Seconds::Required).year(Year::Required).dom_and_dow(true).build();
    let times = parser.parse(&pattern).map_err(|error| format!("{error} (as {pattern})"))?;
    Ok(Calendar { times, zone })
}

/// `second minute hour day month weekday year`, and the zone.
fn pattern(text: &str) -> Result<(String, Option<String>), String> {
    let mut words: Vec<&str> = text.split_ascii_whitespace().collect();
    let is_letters = |word: &&str| word.starts_with(|letter: char| letter.is_ascii_alphabetic());
    let expanded = words.first().and_then(|word| nickname(word));
    let zone = match words.last() {
        Some(word) if is_letters(word) && words.len() > 1 => words.pop().map(str::to_owned),
        _ => None,
    };
    // What looks like a zone may be the weekdays only if it is all there is.
    if let Some(expanded) = expanded {
        if words.len() > 1 {
            return Err(format!("{} is followed by {}", words[0], words[1]));
        }
        words = expanded.split_ascii_whitespace().collect();
    }
    let mut words = words.into_iter().peekable();
    let weekdays = match words.next_if(is_letters) {
        Some(word) => weekdays(word)?,
        None => "*".to_owned(),
    };
    let date = words.next_if(|word| word.contains('-') || word.contains('~')).unwrap_or("*-*-*");
    let time = words.next().unwrap_or("00:00:00");
    if let Some(rest) = words.next() {
        return Err(format!("{rest} is left over"));
    }
    let (year, month, day) = date_fields(date)?;
    let (hour, minute, second) = time_fields(time)?;
    Ok((format!("{second} {minute} {hour} {day} {month} {weekdays} {year}"), zone))
}

fn nickname(word: &str) -> Option<&'static str> {
    Some(match word {
        "minutely" => "*-*-* *:*:00",
        "hourly" => "*-*-* *:00:00",
        "daily" => "*-*-* 00:00:00",
        "weekly" => "Mon *-*-* 00:00:00",
        "monthly" => "*-*-01 00:00:00",
        "quarterly" => "*-01,04,07,10-01 00:00:00",
        "semiannually" => "*-01,07-01 00:00:00",
        "yearly" | "annually" => "*-01-01 00:00:00",
        _ => return None,
    })
}

/// `Mon..Fri`, `Sat,Sunday`; whole names or their first three letters.
fn weekdays(word: &str) -> Result<String, String> {
    const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let number = |name: &str| {
        let name = name.to_ascii_lowercase();
        let found = DAYS.iter().position(|day| name == *day || name == day[..3]);
        found.map(|index| index + 1).ok_or_else(|| format!("{name} is no day of the week"))
    };
    let mut days = Vec::new();
    for part in word.split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once("..").or_else(|| part.split_once('-')).unwrap_or((part, part));
        let (first, last) = (number(first)?, number(last)?);
        if last < first {
            return Err(format!("{part} runs backwards"));
        }
        days.extend((first..=last).map(|day| day.to_string()));
    }
    Ok(days.join(","))
}

fn date_fields(date: &str) -> Result<(String, String, String), String> {
    if let Some((rest, day)) = date.split_once('~') {
        let (year, month) = rest.split_once('-').unwrap_or(("*", rest));
        return match day {
            "1" | "01" => Ok((field(year, 9_999)?, field(month, 12)?, "L".to_owned())),
            _ => Err(format!("{day} days from the end of the month")),
        };
    }
    let parts: Vec<&str> = date.split('-').collect();
    let (year, month, day) = match parts[..] {
        [year, month, day] => (year, month, day),
        [month, day] => ("*", month, day),
        _ => return Err(format!("{date} is no date")),
    };
    Ok((field(year, 9_999)?, field(month, 12)?, field(day, 31)?))
}

fn time_fields(time: &str) -> Result<(String, String, String), String> {
    let parts: Vec<&str> = time.split(':').collect();
    let (hour, minute, second) = match parts[..] {
        [hour, minute, second] => (hour, minute, second),
        [hour, minute] => (hour, minute, "0"),
        _ => return Err(format!("{time} is no time")),
    };
    Ok((field(hour, 23)?, field(minute, 59)?, field(second, 59)?))
}

/// `*`, `5`, `1..5`, `0/15`, `1..31/2` and lists of them, in cron's way of writing; `max` ends an open repetition.
fn field(text: &str, max: u32) -> Result<String, String> {
    let part = |part: &str| -> Result<String, String> {
        let number = |text: &str| text.parse::<u32>().map_err(|_| format!("{text} is no whole number"));
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(number(step)?)),
            None => (part, None),
        };
        let (first, last) = match range.split_once("..") {
            Some((first, last)) => (number(first)?, number(last)?),
            None if range == "*" && step.is_none() => return Ok("*".to_owned()),
            None if range == "*" => (u32::from(max == 31 || max == 12), max),
            None if step.is_some() => (number(range)?, max),
            None => return Ok(number(range)?.to_string()),
        };
        Ok(match step {
            Some(step) => format!("{first}-{last}/{step}"),
            None => format!("{first}-{last}"),
        })
    };
    let parts: Result<Vec<String>, String> = text.split(',').map(part).collect();
    Ok(parts?.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_become_patterns() {
        for (text, expected) in [
            ("hourly", "0 0 * * * * *"),
            ("daily", "0 0 0 * * * *"),
            ("weekly", "0 0 0 * * 1 *"),
            ("*-*-* 02:30:00", "0 30 2 * * * *"),
            ("02:30", "0 30 2 * * * *"),
            ("Mon..Fri 09:00", "0 0 9 * * 1,2,3,4,5 *"),
            ("Sat,Sunday *-*-01 4:05:06", "6 5 4 1 * 6,7 *"),
            ("*:0/15", "0 0-59/15 * * * * *"),
            ("*-*-* 6,18:00", "0 0 6,18 * * * *"),
            ("2026-12-24 18:00:00", "0 0 18 24 12 * 2026"),
            ("12-24", "0 0 0 24 12 * *"),
            ("*-*~01 23:00", "0 0 23 L * * *"),
            ("Mon", "0 0 0 * * 1 *"),
            ("*-*-1..7/2", "0 0 0 1-7/2 * * *"),
            ("daily UTC", "0 0 0 * * * * in UTC"),
            ("Mon *-*-* 03:00 Europe/Berlin", "0 0 3 * * 1 * in Europe/Berlin"),
            ("*-*~03", "! 03 days from the end of the month"),
            ("*:*:0.5", "! 0.5 is no whole number"),
            ("Fri..Mon", "! Fri..Mon runs backwards"),
            ("someday", "! someday is no day of the week"),
            ("1:2:3:4", "! 1:2:3:4 is no time"),
        ] {
            let got = match pattern(text) {
                Ok((pattern, None)) => pattern,
                Ok((pattern, Some(zone))) => format!("{pattern} in {zone}"),
                Err(reason) => format!("! {reason}"),
            };
            assert_eq!(got, expected, "{text}");
            assert_eq!(parse(text).is_ok(), !expected.starts_with('!'), "{text}: {:?}", parse(text).err());
        }
        assert!(parse("*-*-* 25:00").unwrap_err().contains("(as 0 0 25 * * * *)"));
    }
}
