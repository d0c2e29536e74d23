//! What a front proxy says of the user. Read only if the peer has proved to be one.

use std::collections::BTreeMap;

use http::HeaderMap;

use super::review::FrontProxy;
use super::user::User;
use crate::query::unescape;

/// The user that the headers name, if they name one.
pub(super) fn user(headers: &HeaderMap, proxy: &FrontProxy) -> Option<User> {
    let name = first(headers, &proxy.username_headers)?;
    let groups = proxy.group_headers.iter().flat_map(|header| headers.get_all(header.as_str()));
    let groups = groups.filter_map(|value| text(value).map(str::to_owned)).collect();
    let mut extra: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (header, value) in headers {
        let key = proxy.extra_prefixes.iter().find_map(|prefix| {
            // header names are in small letters already
            header.as_str().strip_prefix(prefix.to_ascii_lowercase().as_str())
        });
        if let Some((key, value)) = key.zip(text(value)) {
            let key = unescape(key, false).unwrap_or_else(|| key.to_owned());
            extra.entry(key).or_default().push(value.to_owned());
        }
    }
    Some(User { name, uid: first(headers, &proxy.uid_headers).unwrap_or_default(), groups, extra })
}

fn first(headers: &HeaderMap, names: &[String]) -> Option<String> {
    let mut values = names.iter().filter_map(|name| headers.get(name.as_str()).and_then(text));
    values.find(|value| !value.is_empty()).map(str::to_owned)
}

fn text(value: &http::HeaderValue) -> Option<&str> {
    std::str::from_utf8(value.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn headers_name_the_user_with_groups_and_extras() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("x-remote-user", "jane"),
            ("x-remote-uid", "u-1"),
            ("x-remote-group", "dev"),
            ("x-remote-group", "ops"),
            ("x-remote-extra-scopes", "a"),
            ("x-remote-extra-scopes", "b"),
            ("x-remote-extra-authentication.kubernetes.io%2fpod-name", "web"),
            ("x-other", "c"),
        ] {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let mut proxy = FrontProxy::new(Vec::new());
        proxy.username_headers = vec!["X-First".to_owned(), "X-Remote-User".to_owned()];
        proxy.extra_prefixes = vec!["X-Remote-Extra-".to_owned()];
        let user = user(&headers, &proxy).unwrap();
        let extra = [("authentication.kubernetes.io/pod-name", vec!["web"]), ("scopes", vec!["a", "b"])];
        let extra: Vec<_> = extra
            .into_iter()
            .map(|(key, values)| (key.to_owned(), values.into_iter().map(str::to_owned).collect::<Vec<_>>()))
            .collect();
        assert_eq!((user.name.as_str(), user.uid.as_str()), ("jane", "u-1"));
        assert_eq!(user.groups, ["dev", "ops"]);
        assert_eq!(user.extra.into_iter().collect::<Vec<_>>(), extra);
        proxy.username_headers = vec!["x-nobody".to_owned()];
        assert_eq!(super::user(&headers, &proxy), None);
        headers.insert("x-remote-user", HeaderValue::from_static(""));
        assert_eq!(super::user(&headers, &FrontProxy::new(Vec::new())), None);
    }
}
