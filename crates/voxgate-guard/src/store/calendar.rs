//! Days and months, UTC, in microseconds since 1970.

/// Days since 1970, UTC.
pub(super) fn day_of(us: u64) -> u64 {
    us / DAY_US
}

/// Months since March of the year 0, UTC.
pub(super) fn month_of(us: u64) -> u64 {
    // Civil from days, Howard Hinnant, http://howardhinnant.github.io/date_algorithms.html
    let days = day_of(us) + DAYS_TO_1970;
    let (era, day_of_era) = (days / ERA, days % ERA);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    (era * 400 + year_of_era) * 12 + (5 * day_of_year + 2) / 153
}

/// The first microsecond of a month that counts from March of the year 0; 1970 and the end of time bound it.
pub(super) fn month_start(month: u64) -> u64 {
    let (year, month) = (month / 12, month % 12);
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_era = 365 * year_of_era + year_of_era / 4 - year_of_era / 100 + (153 * month + 2) / 5;
    let days = era.saturating_mul(ERA).saturating_add(day_of_era).saturating_sub(DAYS_TO_1970);
    days.saturating_mul(DAY_US)
}

const DAY_US: u64 = 86_400_000_000;
/// Days of 400 years, and from 1 March of the year 0 to 1970.
const ERA: u64 = 146_097;
const DAYS_TO_1970: u64 = 719_468;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_those_of_the_calendar() {
        let utc = |text: &str| {
            let since = humantime::parse_rfc3339(text).unwrap().duration_since(std::time::UNIX_EPOCH).unwrap();
            since.as_micros() as u64
        };
        for (last, first) in [
            ("2024-02-29T23:59:59.999999Z", "2024-03-01T00:00:00Z"),
            ("2025-02-28T23:59:59.999999Z", "2025-03-01T00:00:00Z"),
            ("2026-12-31T23:59:59.999999Z", "2027-01-01T00:00:00Z"),
            ("2100-02-28T23:59:59.999999Z", "2100-03-01T00:00:00Z"),
            ("2026-11-30T23:59:59.999999Z", "2026-12-01T00:00:00Z"),
        ] {
            assert_eq!(month_of(utc(last)) + 1, month_of(utc(first)), "{first}");
            assert_eq!(month_start(month_of(utc(first))), utc(first), "{first}");
        }
    }
}
