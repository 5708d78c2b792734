//! A section of the file: its settings, from whose declarations its struct, its defaults and its reader come.
//!
//! The flags with their variables and help come from them too, and so do the settings of
//! `examples/jeton.toml` and `docs/settings.md`.

use super::setting::Declaration;

/// A section of the file with its settings.
pub struct Section {
    /// Its name: `serve`.
    pub name: &'static str,
    /// Its description.
    pub text: &'static str,
    /// Its settings.
    pub settings: Vec<Declaration>,
}

/// Declares a section: the struct of its values, and for each field its text, type and setting.
///
/// `with` adds groups of settings that several sections share: types that have `declarations`, which takes
/// the section's name, and `read`. For each field there is a function of that name that returns the
/// [`Setting`], for checks between settings.
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        $vis:vis struct $Section:ident in $name:literal {
            $( $(#[doc = $text:literal])+ $field:ident: $type:ty = $setting:expr, )+
        }
        $( with { $( $(#[doc = $shared:literal])+ $group:ident: $Group:ty, )+ } )?
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, PartialEq, Eq)]
        $vis struct $Section {
            $( $(#[doc = $text])+ $vis $field: $type, )+
            $($( $(#[doc = $shared])+ $vis $group: $Group, )+)?
        }

        impl Default for $Section {
            fn default() -> Self {
                Self {
                    $( $field: Self::$field().default, )+
                    $($( $group: <$Group>::default(), )+)?
                }
            }
        }

        impl $Section {
            $(
                $(#[doc = $text])+
                $vis fn $field() -> crate::config::setting::Setting<$type> {
                    $setting.named($name, stringify!($field), concat!($($text, "\n"),+))
                }
            )+

            /// Declares the section.
            pub(in crate::config) fn section() -> crate::config::section::Section {
                let settings = [
                    vec![$( Self::$field().declaration ),+],
                    $($( <$Group>::declarations($name), )+)?
                ];
                crate::config::section::Section {
                    name: $name,
                    text: concat!($($about, "\n"),+),
                    settings: settings.into_iter().flatten().collect(),
                }
            }

            /// Reads each setting.
            pub(in crate::config) fn read_all(
                fields: &mut crate::config::fields::Fields<'_, '_>,
            ) -> Self {
                Self {
                    $( $field: fields.get(&Self::$field()), )+
                    $($( $group: <$Group>::read(fields), )+)?
                }
            }
        }
    };
}

pub(super) use section;
