//! Who may ask, who a token's bearer is, who may do what.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde_json::{Value, json};

use crate::Result;

/// Users, rules and what is kept from everybody.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// What clients have to show; nothing if there is none.
    pub token: Option<String>,
    /// Resources that nobody may list.
    pub forbidden: Vec<String>,
    users: Vec<(String, User)>,
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct User {
    name: String,
    groups: Vec<String>,
}

#[derive(Clone, Debug)]
struct Rule {
    who: String,
    verb: String,
    what: String,
}

impl Access {
    /// `TOKEN=NAME[,GROUP...]`.
    ///
    /// # Errors
    /// The text is none.
    pub fn add_user(&mut self, text: &str) -> Result<()> {
        let (token, user) = text.split_once('=').ok_or("TOKEN=NAME[,GROUP...] is wanted")?;
        let mut words = user.split(',').map(str::to_owned);
        let name = words.next().unwrap_or_default();
        let groups = words.chain(["system:authenticated".to_owned()]).collect();
        self.users.push((token.to_owned(), User { name, groups }));
        Ok(())
    }

    /// `WHO=VERB:RESOURCE`.
    pub(crate) fn add_rule(&mut self, text: &str) -> Result<()> {
        // names of users have colons themselves
        let (who, rest) = text.rsplit_once('=').ok_or("WHO=VERB:RESOURCE is wanted")?;
        let (verb, what) = rest.split_once(':').ok_or("WHO=VERB:RESOURCE is wanted")?;
        self.rules.push(Rule { who: who.to_owned(), verb: verb.to_owned(), what: what.to_owned() });
        Ok(())
    }

    /// Whether the bearer of these headers may ask at all.
    pub(crate) fn knows(&self, headers: &HeaderMap) -> bool {
        let shown = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        match &self.token {
            None => true,
            Some(token) => shown.is_some_and(|shown| shown == token || self.user(shown).is_some()),
        }
    }

    fn user(&self, token: &str) -> Option<&User> {
        self.users.iter().find(|(one, _)| one == token).map(|(_, user)| user)
    }

    /// The answer to a TokenReview.
    pub(crate) fn review_token(&self, review: &Value) -> Value {
        let token = review.pointer("/spec/token").and_then(Value::as_str).unwrap_or("");
        let own = || User { name: "test".to_owned(), groups: vec!["system:authenticated".to_owned()] };
        let user = self.user(token).cloned().or_else(|| (self.token.as_deref() == Some(token)).then(own));
        let status = match user {
            Some(User { name, groups }) => json!({
                "authenticated": true,
                "user": {"username": name, "uid": crate::seed::uid(crate::seed::number(&name)), "groups": groups},
            }),
            None => json!({
                "user": {},
                "error": "[invalid bearer token, token lookup failed]",
            }),
        };
        done(review, status)
    }

    /// The answer to a SubjectAccessReview.
    pub(crate) fn review_access(&self, review: &Value) -> Value {
        let text = |path: &str| review.pointer(path).and_then(Value::as_str).unwrap_or("");
        let (user, groups) = (text("/spec/user"), review.pointer("/spec/groups").and_then(Value::as_array));
        let groups: Vec<&str> = groups.into_iter().flatten().filter_map(Value::as_str).collect();
        let resource = review.pointer("/spec/resourceAttributes").is_some();
        let of = if resource { "resourceAttributes" } else { "nonResourceAttributes" };
        let verb = text(&format!("/spec/{of}/verb"));
        let what = if resource {
            text("/spec/resourceAttributes/resource")
        } else {
            text("/spec/nonResourceAttributes/path")
        };
        let fits = |rule: &Rule| {
            let is = |pattern: &str, word: &str| pattern == "*" || pattern == word;
            (is(&rule.who, user) || groups.iter().any(|group| *group == rule.who))
                && is(&rule.verb, verb)
                && is(&rule.what, what)
        };
        let known = !user.is_empty() && user != "system:anonymous";
        let allowed = if self.rules.is_empty() { known } else { self.rules.iter().any(fits) };
        let status = if allowed {
            json!({"allowed": true, "reason": "a rule of the test cluster allows it"})
        } else {
            json!({"allowed": false})
        };
        done(review, status)
    }
}

fn done(review: &Value, status: Value) -> Value {
    let mut review = review.clone();
    if let Some(object) = review.as_object_mut() {
        object.insert("status".to_owned(), status);
    }
    review
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access() -> Access {
        let mut access = Access { token: Some("secret".to_owned()), ..Access::default() };
        access.add_user("t1=system:serviceaccount:a:b,readers").unwrap();
        access.add_rule("readers=get:pods").unwrap();
        access.add_rule("system:serviceaccount:a:b=get:/metrics").unwrap();
        access
    }

    #[test]
    fn tokens_are_known_or_not() {
        let headers = |text: &str| HeaderMap::from_iter([(AUTHORIZATION, text.parse().unwrap())]);
        for (shown, known) in
            [("Bearer secret", true), ("Bearer t1", true), ("Bearer x", false), ("secret", false)]
        {
            assert_eq!(access().knows(&headers(shown)), known, "{shown}");
        }
        assert!(!access().knows(&HeaderMap::new()));
        assert!(Access::default().knows(&HeaderMap::new()));
        let answer = access().review_token(&json!({"spec": {"token": "t1"}}));
        assert_eq!(answer.pointer("/status/user/groups/0"), Some(&json!("readers")));
        let answer = access().review_token(&json!({"spec": {"token": "x"}}));
        assert_eq!(answer.pointer("/status/authenticated"), None);
    }

    #[test]
    fn rules_allow_what_they_name_and_no_more() {
        let f = |user: &str, groups: &[&str], attributes: Value, expected: bool| {
            let mut spec = attributes;
            spec["user"] = json!(user);
            spec["groups"] = json!(groups);
            let answer = access().review_access(&json!({"spec": spec}));
            assert_eq!(answer.pointer("/status/allowed"), Some(&json!(expected)), "{answer}");
        };
        let pods = |verb: &str| json!({"resourceAttributes": {"verb": verb, "resource": "pods"}});
        f("me", &["readers"], pods("get"), true);
        f("me", &["readers"], pods("list"), false);
        f("me", &[], pods("get"), false);
        f(
            "system:serviceaccount:a:b",
            &[],
            json!({"nonResourceAttributes": {"verb": "get", "path": "/metrics"}}),
            true,
        );
    }
}
