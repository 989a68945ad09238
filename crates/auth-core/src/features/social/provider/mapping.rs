//! How a provider's document becomes a user.

use serde_json::{Map, Value};

use super::Pointer;
use super::profile::{Documents, Profile, data_url};
use super::tokens::is_truthy;
use crate::wire::email::EmailAddress;

/// Where a user's fields stand in a provider's document.
#[derive(Debug, Clone, Copy)]
pub struct Mapping {
    /// The provider's stable id: the first that is there.
    pub subject: &'static [Pointer],
    /// The name.
    pub name: Name,
    /// The address.
    pub email: Email,
    /// The picture.
    pub image: Image,
    /// Whether the address is verified.
    pub verified: Verified,
}

/// Where the name stands.
#[derive(Debug, Clone, Copy)]
pub enum Name {
    /// The first text that is not empty.
    First(&'static [Pointer]),
    /// The first text of an id token's claims; it becomes the document's `name` too.
    Filled(&'static [Pointer]),
    /// The parts that the callback brings, else the document's `name`, which it becomes.
    Callback,
    /// These, with a space between them, else the last one.
    Joined(&'static [Pointer], Pointer),
}

/// Where the address stands.
#[derive(Debug, Clone, Copy)]
pub enum Email {
    /// Here.
    At(Pointer),
    /// Here, else an address that reaches nobody, made of the subject and this name.
    AtOrPlaceholder(Pointer, &'static str),
    /// An address that reaches nobody, made of the subject and this name.
    Placeholder(&'static str),
    /// Here, else GitHub's primary address.
    OrPrimary(Pointer),
}

/// Where the picture stands.
#[derive(Debug, Clone, Copy)]
pub enum Image {
    /// Nowhere.
    None,
    /// The first text that is not empty.
    First(&'static [Pointer]),
    /// Here, without its query.
    WithoutQuery(Pointer),
    /// Made of Discord's id and picture's hash.
    Discord,
    /// The bytes of a call, else here.
    Photo(Pointer),
}

/// Whether the address is verified. Only `true` and the text `true` mean it.
#[derive(Debug, Clone, Copy)]
pub enum Verified {
    /// The provider never says.
    Never,
    /// Here.
    At(Pointer),
    /// Here, but only in the answer of a call.
    AtInAnswer(Pointer),
    /// All of these.
    All(&'static [Pointer]),
    /// A number that is not zero, or `true`, stands here.
    Number(Pointer),
    /// GitHub's list of addresses.
    Addresses,
    /// X's confirmed address.
    Confirmed,
    /// Here, else one of these lists holds the address.
    AtOrListed(Pointer, &'static [Pointer]),
}

fn text<'a>(data: &'a Value, pointer: &str) -> Option<&'a str> {
    data.pointer(pointer)?.as_str().filter(|text| !text.is_empty())
}

fn first<'a>(data: &'a Value, pointers: &[Pointer]) -> Option<&'a str> {
    pointers.iter().find_map(|pointer| text(data, pointer))
}

/// An id as text: providers write numbers too.
fn id(data: &Value, pointers: &[Pointer]) -> Option<String> {
    pointers.iter().find_map(|pointer| match data.pointer(pointer)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

fn says_true(data: &Value, pointer: &str) -> bool {
    let value = data.pointer(pointer);
    value == Some(&Value::Bool(true)) || value.and_then(Value::as_str) == Some("true")
}

impl Mapping {
    pub(super) fn read(&self, mut documents: Documents<'_>, overrides: &[(String, String)]) -> Profile {
        self.complete(&mut documents);
        let data = &documents.data;
        let subject = id(data, self.subject);
        let name = match self.name {
            Name::First(pointers) | Name::Filled(pointers) => first(data, pointers).map(str::to_owned),
            Name::Callback => text(data, "/name").map(str::to_owned),
            Name::Joined(parts, last) => {
                let joined: Vec<&str> = parts.iter().filter_map(|part| text(data, part)).collect();
                if joined.is_empty() { text(data, last).map(str::to_owned) } else { Some(joined.join(" ")) }
            }
        };
        let placeholder = |namespace: &str| {
            let subject = subject.as_deref().or(documents.openid)?;
            let address = format!("{subject}@{namespace}.placeholder.invalid");
            EmailAddress::parse(&address).map(|_| address)
        };
        let email = match self.email {
            Email::At(pointer) | Email::OrPrimary(pointer) => text(data, pointer).map(str::to_owned),
            Email::AtOrPlaceholder(pointer, namespace) => {
                text(data, pointer).map(str::to_owned).or_else(|| placeholder(namespace))
            }
            Email::Placeholder(namespace) => placeholder(namespace),
        };
        let image = match self.image {
            Image::None => None,
            Image::First(pointers) => first(data, pointers).map(str::to_owned),
            Image::WithoutQuery(pointer) => {
                text(data, pointer).and_then(|image| image.split('?').next()).map(str::to_owned)
            }
            Image::Discord => text(data, "/image_url").map(str::to_owned),
            Image::Photo(pointer) => text(data, pointer).map(str::to_owned),
        };
        let email_verified = self.is_verified(&documents, email.as_deref());

        let mut profile = Profile {
            subject,
            name: name.unwrap_or_default(),
            email,
            image,
            email_verified,
            data: documents.data,
            more: Map::new(),
        };
        profile.override_with(overrides);
        profile
    }

    /// Adds to the document what upstream adds to it, so that `/account-info` shows the same.
    fn complete(&self, documents: &mut Documents<'_>) {
        let mut add: Vec<(&str, &str, String)> = Vec::new();
        let data = &documents.data;
        match self.name {
            Name::Filled(pointers) if documents.from_id_token => {
                add.push(("", "name", first(data, pointers).unwrap_or_default().to_owned()));
            }
            Name::Callback => {
                let named = documents.named.and_then(|user| user.name.as_ref()).map(|name| {
                    let part = |part: &Option<String>| part.clone().unwrap_or_default();
                    format!("{} {}", part(&name.first_name), part(&name.last_name)).trim().to_owned()
                });
                let claimed = text(data, "/name").unwrap_or_default();
                add.push(("", "name", named.unwrap_or_else(|| claimed.to_owned())));
            }
            Name::First(_) | Name::Filled(_) | Name::Joined(..) => {}
        }
        if let Email::OrPrimary(pointer) = self.email
            && text(data, pointer).is_none()
            && let Some(address) = documents.addresses.and_then(primary)
        {
            add.push(("", "email", address.to_owned()));
        }
        if let Some(address) = documents.confirmed.and_then(|answer| text(answer, "/data/confirmed_email")) {
            add.push(("/data", "email", address.to_owned()));
        }
        match self.image {
            Image::Discord => add.extend(discord_picture(data).map(|image| ("", "image_url", image))),
            Image::Photo(_) => add.extend(documents.photo.map(|bytes| ("", "picture", data_url(bytes)))),
            Image::None | Image::First(_) | Image::WithoutQuery(_) => {}
        }
        for (place, name, value) in add {
            if let Some(Value::Object(members)) = documents.data.pointer_mut(place) {
                members.insert(name.to_owned(), Value::String(value));
            }
        }
    }

    fn is_verified(&self, documents: &Documents<'_>, email: Option<&str>) -> bool {
        let data = &documents.data;
        match self.verified {
            Verified::Never => false,
            Verified::At(pointer) => says_true(data, pointer),
            Verified::AtInAnswer(pointer) => !documents.from_id_token && says_true(data, pointer),
            Verified::All(pointers) => pointers.iter().all(|pointer| says_true(data, pointer)),
            Verified::Number(pointer) => match data.pointer(pointer) {
                Some(value @ (Value::Number(_) | Value::Bool(_))) => is_truthy(value),
                _ => says_true(data, pointer),
            },
            Verified::Addresses => {
                let entries = documents.addresses.and_then(Value::as_array).into_iter().flatten();
                let mut ours = entries.filter(|entry| email.is_some() && text(entry, "/email") == email);
                ours.next().is_some_and(|entry| says_true(entry, "/verified"))
            }
            Verified::Confirmed => {
                let confirmed = documents.confirmed.and_then(|answer| text(answer, "/data/confirmed_email"));
                confirmed.is_some() && confirmed == email
            }
            Verified::AtOrListed(pointer, lists) => {
                if data.pointer(pointer).is_some() {
                    return says_true(data, pointer);
                }
                let mut listed = lists
                    .iter()
                    .filter_map(|list| data.pointer(list)?.as_array())
                    .flatten()
                    .map(Value::as_str);
                email.is_some() && listed.any(|entry| entry == email)
            }
        }
    }
}

/// GitHub's primary address, else the first.
fn primary(addresses: &Value) -> Option<&str> {
    let entries = addresses.as_array()?;
    let entry = entries.iter().find(|entry| says_true(entry, "/primary")).or_else(|| entries.first())?;
    text(entry, "/email")
}

/// Where Discord keeps a user's picture, or the one that it draws for users without.
fn discord_picture(data: &Value) -> Option<String> {
    let user = text(data, "/id")?;
    if let Some(hash) = text(data, "/avatar") {
        let format = if hash.starts_with("a_") { "gif" } else { "png" };
        return Some(format!("https://cdn.discordapp.com/avatars/{user}/{hash}.{format}"));
    }
    let tag = text(data, "/discriminator")?;
    let number =
        if tag == "0" { (user.parse::<u64>().ok()? >> 22) % 6 } else { tag.parse::<u64>().ok()? % 5 };
    Some(format!("https://cdn.discordapp.com/embed/avatars/{number}.png"))
}

impl Profile {
    /// Takes fields from where the settings say that they stand. What is not there changes nothing.
    fn override_with(&mut self, overrides: &[(String, String)]) {
        for (field, pointer) in overrides {
            let Some(value) = self.data.pointer(pointer).filter(|value| !value.is_null()) else { continue };
            let words = || value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
            match field.as_str() {
                "name" => self.name = words().unwrap_or_else(|| std::mem::take(&mut self.name)),
                "email" => self.email = words().or_else(|| self.email.take()),
                "image" => self.image = words().or_else(|| self.image.take()),
                "emailVerified" => self.email_verified = says_true(&self.data, pointer),
                _ => {
                    self.more.insert(field.clone(), value.clone());
                }
            }
        }
    }
}
