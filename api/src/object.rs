//! A JSON object and nothing else: serde's derived readers would take an array of the members, too.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

/// What an object holds; anything else is of the wrong type (contract §3, "Fields").
#[derive(Debug, Clone, Default)]
pub struct Object<T>(pub T);

struct ObjectAlone<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectAlone(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectAlone<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members)).map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Body {
        name: Option<String>,
        inner: Option<Object<Inner>>,
    }

    #[derive(Debug, serde::Deserialize)]
    struct Inner {
        id: Option<String>,
    }

    fn read(text: &str) -> Result<Body, serde_json::Error> {
        serde_json::from_str::<Object<Body>>(text).map(|Object(body)| body)
    }

    #[test]
    fn an_object_is_read_and_its_unknown_members_are_ignored() {
        let body = read(r#"{"name":"a","inner":{"id":"1","more":[1]},"more":{"deep":[[]]}}"#).unwrap();
        assert_eq!((body.name.as_deref(), body.inner.unwrap().0.id.as_deref()), (Some("a"), Some("1")));
        let body = read(r#"{"inner":null}"#).unwrap();
        assert!(body.name.is_none() && body.inner.is_none());
    }

    #[test]
    fn anything_else_is_of_the_wrong_type() {
        for text in [
            r#"["a",{"id":"1"}]"#,
            r#"{"inner":["1"]}"#,
            r#"{"inner":"1"}"#,
            r#"{"name":1}"#,
            r#"{"name":"a","name":"b"}"#,
            "null",
            "7",
            "",
            "{} {}",
            "\u{feff}{}",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
