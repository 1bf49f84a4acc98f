//! A file with all options of a service, and mistakes in many of them.

use std::collections::BTreeSet;

use etcstack_config::catalog::CatalogOption;
use etcstack_config::document::normal_section;
use etcstack_tests::Service;

use crate::verdicts::Name;

/// What is done to an option's line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mistake {
    None,
    /// A letter too many in the option's name.
    Option,
    /// A letter too many in the section's name.
    Section,
    /// A known option in another section, which has none of this name.
    Elsewhere,
    /// A former name.
    Former,
    /// Dashes for the underscores of the name.
    Dashes,
    /// The same, where the option has this name on a command line.
    CommandLine,
    /// The section's name in capitals.
    Capitals,
    /// A value of another type.
    Value,
}

/// A header and an option behind it.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) section: String,
    pub(crate) option: String,
    value: &'static str,
    pub(crate) mistake: Mistake,
    /// What both are to say, but for a known difference.
    pub(crate) name: Name,
}

/// Where the two do not agree, and why that is right.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Difference {
    pub(crate) theirs: Name,
    pub(crate) ours: Name,
    #[allow(dead_code, reason = "for those who read the list")]
    why: &'static str,
}

/// The validator passes over unknown names here, and says that its list is not complete; our
/// catalogs have the options of all of keystoneauth's plugins.
const LENIENT: &str = "keystone_authtoken";

impl Line {
    pub(crate) fn text(&self) -> String {
        format!("[{}]\n{} = {}\n", self.section, self.option, self.value)
    }

    /// The known differences.
    pub(crate) fn difference(&self) -> Option<Difference> {
        let differ = |theirs, ours, why| Some(Difference { theirs, ours, why });
        match self.mistake {
            _ if self.section == LENIENT && self.name == Name::Unknown => {
                differ(Name::Fine, Name::Unknown, "it knows its list for incomplete")
            }
            Mistake::CommandLine => differ(
                Name::Fine,
                Name::Unknown,
                "it takes a name of the command line, which oslo.config does not look for in a file",
            ),
            Mistake::Capitals => differ(
                Name::Unknown,
                Name::Fine,
                "it compares sections by their letters, oslo.config in lower case",
            ),
            _ => None,
        }
    }
}

/// Every option once, and a mistake in many of them.
pub(crate) fn lines(service: &Service) -> Vec<Line> {
    let options = service.catalog.options();
    // Names that several options read say too much for one verdict.
    let single = |section: &str, name: &str| service.catalog.find(section, name).count() == 1;
    let mut seen = BTreeSet::new();
    let mut lines = Vec::new();
    for (index, option) in options.iter().enumerate() {
        let Some(line) = line(service, option, index) else { continue };
        let is_known = line.name != Name::Unknown;
        let one = !is_known || single(&line.section, &line.option);
        // A section in two spellings is one to us, and two to the validator.
        let spelled = (normal_section(&line.section), line.option.clone());
        if one && seen.insert(spelled) {
            lines.push(line);
        }
    }
    lines
}

/// Whether the packages have an option under this name, which has dashes.
fn is_on_command_line(service: &Service, group: &str, name: &str) -> bool {
    let options = service.raw["options"][group]["opts"].as_array().into_iter().flatten();
    name.contains('-') && options.into_iter().any(|option| option["name"] == name)
}

fn line(service: &Service, option: &CatalogOption, index: usize) -> Option<Line> {
    let (group, name) = (option.group.as_str(), option.name.as_str());
    let of = |section: &str, option: &str, mistake, name| {
        let (section, option) = (section.to_owned(), option.to_owned());
        Some(Line { section, option, value: "", mistake, name })
    };
    let knows = |section: &str, option: &str| {
        service.catalog.find(section, option).next().is_some()
            || service.catalog.find_dashed(section, option).next().is_some()
    };
    let dashed = name.replace('_', "-");
    let fine = of(group, name, Mistake::None, Name::Fine);
    match index % 12 {
        1 => of(group, &format!("{name}x"), Mistake::Option, Name::Unknown),
        3 => of(&format!("{group}x"), name, Mistake::Section, Name::Unknown),
        4 if group != "oslo_policy" && !knows("oslo_policy", name) => {
            of("oslo_policy", name, Mistake::Elsewhere, Name::Unknown)
        }
        _ if is_on_command_line(service, group, &dashed) => {
            of(group, &dashed, Mistake::CommandLine, Name::Unknown)
        }
        6 if name.contains('_') => of(group, &dashed, Mistake::Dashes, Name::Unknown),
        8 if group != "DEFAULT" => of(&group.to_uppercase(), name, Mistake::Capitals, Name::Fine),
        10 if option.kind == "integer value" => {
            let line = of(group, name, Mistake::Value, Name::Fine)?;
            Some(Line { value: "many", ..line })
        }
        _ => match option.deprecated.first() {
            Some((section, old)) if index.is_multiple_of(2) => {
                of(section, old, Mistake::Former, Name::Former)
            }
            _ => fine,
        },
    }
}
