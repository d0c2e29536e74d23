//! What can be wrong with a node.

use crate::Result;

/// All that is wrong with one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trouble {
    /// How it answers.
    pub fault: Fault,
    /// What time it believes it is.
    pub clock: Clock,
    /// Routes that it has not: `resource`, `summary`, `container`, `cadvisor`.
    pub missing: Vec<String>,
}

/// How a node answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// As it should.
    #[default]
    None,
    /// Nobody listens, and connections that were there are closed.
    Refused,
    /// It takes the connection and the request, and says nothing.
    Silent,
    /// A few bytes of the answer each second.
    Slow,
    /// A good head, and a body that is no answer.
    Garbage,
    /// No HTTP at all.
    Noise,
    /// It hangs up in the middle of the body.
    Short,
    /// So many bytes of body.
    Huge(u64),
    /// This status, with a sentence.
    Status(u16),
}

/// What time a node believes it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clock {
    /// The right one.
    #[default]
    Right,
    /// So many milliseconds later; earlier if negative.
    Off(i64),
    /// Times are missing.
    Zero,
}

/// The trouble after one more word: `refused`, `status=503`, `clock=-3600`, `missing=resource+summary`, `none`.
///
/// # Errors
/// The word is none of these.
pub fn change(mut trouble: Trouble, word: &str) -> Result<Trouble> {
    let (kind, value) = word.split_once('=').unwrap_or((word, ""));
    let fault = match kind {
        "none" => return Ok(Trouble::default()),
        "clock" => {
            trouble.clock = match value {
                "zero" => Clock::Zero,
                "right" => Clock::Right,
                seconds => {
                    let seconds: i64 = seconds
                        .parse()
                        .map_err(|_| format!("clock={seconds}: seconds, zero or right is wanted"))?;
                    Clock::Off(seconds.saturating_mul(1000))
                }
            };
            return Ok(trouble);
        }
        "missing" => {
            let known = ["resource", "summary", "container", "cadvisor"];
            trouble.missing = value.split('+').map(str::to_owned).collect();
            if let Some(odd) = trouble.missing.iter().find(|one| !known.contains(&one.as_str())) {
                return Err(format!("missing={odd}: one of {} is wanted", known.join(", ")).into());
            }
            return Ok(trouble);
        }
        "refused" => Fault::Refused,
        "silent" => Fault::Silent,
        "slow" => Fault::Slow,
        "garbage" => Fault::Garbage,
        "noise" => Fault::Noise,
        "short" => Fault::Short,
        "huge" if value.is_empty() => Fault::Huge(1 << 30),
        "huge" => Fault::Huge(value.parse().map_err(|_| format!("huge={value}: bytes are wanted"))?),
        "status" => {
            let code = value.parse().ok().filter(|code| (200..600).contains(code));
            Fault::Status(code.ok_or_else(|| format!("status={value}: a status from 200 to 599 is wanted"))?)
        }
        _ => return Err(format!("{word}: no such fault").into()),
    };
    trouble.fault = fault;
    Ok(trouble)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_add_up_and_none_heals() {
        let trouble = ["silent", "clock=3600", "missing=resource+summary"]
            .into_iter()
            .try_fold(Trouble::default(), change)
            .unwrap();
        assert_eq!((&trouble.fault, trouble.clock), (&Fault::Silent, Clock::Off(3_600_000)));
        assert_eq!(trouble.missing, ["resource", "summary"]);
        assert_eq!(change(trouble, "none").unwrap(), Trouble::default());
    }

    #[test]
    fn unknown_words_are_named() {
        for word in ["tired", "status=1000", "status=", "clock=soon", "missing=all", "huge=much"] {
            let error = change(Trouble::default(), word).unwrap_err().to_string();
            assert!(error.contains(word.split_once('=').map_or(word, |(kind, _)| kind)), "{error}");
        }
    }
}
