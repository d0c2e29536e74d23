//! `GET /containers/json?all=true`: which containers there are.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::runtime::json::ParseError;
use crate::runtime::remote::Listed;

/// Reads the list; items that are no containers are passed over.
pub(super) fn parse(bytes: &[u8]) -> Result<Vec<Listed>, ParseError> {
    let items: Vec<Item> =
        serde_json::from_slice(bytes).map_err(|_| ParseError::new("a list of containers", bytes))?;
    Ok(items
        .into_iter()
        .filter_map(|item| match item {
            Item::Container { id, state } if !id.is_empty() => {
                // "restarting" waits between two runs, and may run any moment
                let running = matches!(state.as_str(), Some("running" | "paused" | "restarting") | None);
                Some(Listed { id, running })
            }
            _ => None,
        })
        .collect())
}

// The list has labels, mounts and networks of every container: read item by item, so that they are not all
// kept at once.
#[derive(Deserialize)]
#[serde(untagged)]
enum Item {
    Container {
        #[serde(rename = "Id")]
        id: String,
        #[serde(rename = "State", default)]
        state: serde_json::Value,
    },
    Other(#[allow(dead_code, reason = "only its place is taken")] IgnoredAny),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_list_is_read() {
        let listed = parse(include_bytes!("testdata/20.10/containers.json")).unwrap();
        assert_eq!(listed.len(), 5);
        assert!(listed.iter().all(|listed| listed.id.len() == 64));
    }

    #[test]
    fn odd_items_cost_themselves_alone() {
        let listed = parse(br#"[{"Id":"a","State":"running"},7,null,{"Id":1},{"Id":"b","State":"exited"},{"Id":"c","State":9}]"#);
        let f = |id: &str, running| Listed { id: id.to_owned(), running };
        assert_eq!(listed.unwrap(), [f("a", true), f("b", false), f("c", true)]);
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for text in ["", "{}", "[{\"Id\":\"a\"", "nonsense"] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
