//! Points in time, as people and machines read them.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The last second of the year 9999; RFC 3339 knows none after it.
const LAST: u64 = 253_402_300_799;

/// A second of the calendar, in UTC: `2026-03-01T12:00:00Z`.
///
/// Whatever a broken clock says, it can be shown.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(u64);

impl Time {
    /// What the clock says.
    pub fn now() -> Self {
        SystemTime::now().into()
    }

    /// Seconds since 1970.
    pub fn unix(self) -> u64 {
        self.0
    }
}

impl From<SystemTime> for Time {
    fn from(time: SystemTime) -> Self {
        Self(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs().min(LAST))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(self.0)).fmt(f)
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        humantime::parse_rfc3339(&text).map(Into::into).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_clock_can_be_shown() {
        let at = |seconds| Time::from(UNIX_EPOCH + Duration::from_secs(seconds)).to_string();
        assert_eq!(at(0), "1970-01-01T00:00:00Z");
        assert_eq!(at(1_772_366_400), "2026-03-01T12:00:00Z");
        assert_eq!(at(LAST + 1), "9999-12-31T23:59:59Z");
        let before = Time::from(UNIX_EPOCH - Duration::from_secs(5));
        assert_eq!(before.to_string(), "1970-01-01T00:00:00Z");
        let half = Time::from(UNIX_EPOCH + Duration::from_millis(1_500));
        assert_eq!(serde_json::to_string(&half).unwrap(), "\"1970-01-01T00:00:01Z\"");
    }
}
