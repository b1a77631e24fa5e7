//! Judging what a handler returned, before anything of it is published: whether its agent declares it,
//! how many there are, which are withheld, whether they are valid. All of it or nothing.

use artel_core::classify::Failed;
use artel_core::policy::ErrorKind;

use crate::context::Context;
use crate::output::{OutputRules, invalid};
use crate::program::Agent;
use crate::publication::Publication;
use crate::report::Withheld;
use crate::submit::{Origin, Prepared, Submitter, check_command_len};

/// Whoever judges what attempts of an agent return.
pub(crate) struct Judge<'a> {
    pub(crate) submitter: &'a Submitter,
    pub(crate) agent: &'a Agent,
    pub(crate) origin: &'a Origin,
}

/// What a handler returned, and nothing is wrong with it.
#[derive(Debug)]
pub(crate) struct Judged {
    /// What is to be published.
    pub(crate) prepared: Vec<Prepared>,
    /// What is not.
    pub(crate) withheld: Vec<Withheld>,
}

impl Judge<'_> {
    /// Encodes and checks what a handler returned; anything that its agent does not declare, that one
    /// of its checks or its schema refuses, or that there are too many or too few of, fails the attempt.
    pub(crate) fn judge(
        &self,
        publications: Vec<Publication>,
        cx: &Context,
    ) -> Result<Judged, Failed> {
        self.check_counts(&publications)?;
        let mut judged =
            Judged { prepared: Vec::with_capacity(publications.len()), withheld: Vec::new() };
        for publication in publications {
            self.check_declared(&publication)?;
            if let Some(rules) = self.rules_of(&publication) {
                let value = publication.value.clone().into_any();
                if !rules.is_published(&*value)? {
                    withhold(&mut judged.withheld, rules.type_name);
                    continue;
                }
                rules.validate(&*value)?;
            }
            let prepared = self.submitter.prepare(publication, self.origin, || cx.new_id());
            judged.prepared.push(prepared.map_err(|error| {
                Failed::new(ErrorKind::InvalidOutput, artel_core::classify::chain_of(&error))
            })?);
        }
        check_command_len(&judged.prepared).map_err(|error| invalid(error.to_string()))?;
        Ok(judged)
    }

    fn rules_of(&self, publication: &Publication) -> Option<&OutputRules> {
        let name = publication.value.type_name();
        self.agent.outputs.iter().find(|rules| rules.type_name == name)
    }

    fn check_counts(&self, publications: &[Publication]) -> Result<(), Failed> {
        let (len, limit) = (publications.len(), self.submitter.outputs_max);
        if len > limit {
            let problem = format!("the attempt returned {len} artifacts, the limit is {limit}");
            return Err(invalid(problem));
        }
        for rules in &self.agent.outputs {
            let mine = publications.iter().filter(|it| it.value.type_name() == rules.type_name);
            rules.check_count(self.agent.definition.name.as_str(), mine.count())?;
        }
        Ok(())
    }

    fn check_declared(&self, publication: &Publication) -> Result<(), Failed> {
        let name = publication.value.type_name();
        let definition = &self.agent.definition;
        if !definition.outputs.iter().any(|output| output.as_str() == name) {
            let agent = &definition.name;
            return Err(invalid(format!(
                "agent `{agent}` returned a `{name}`, which it does not declare; add \
                 `.publishes::<{name}>()`"
            )));
        }
        if publication.correlation.is_some() {
            // What an attempt returns belongs to its own tree of work.
            return Err(invalid(format!(
                "the attempt returned a `{name}` with a correlation; what an attempt returns belongs \
                 to its own"
            )));
        }
        Ok(())
    }
}

fn withhold(withheld: &mut Vec<Withheld>, type_name: &str) {
    match withheld.iter_mut().find(|before| before.type_name == type_name) {
        Some(before) => before.count += 1,
        None => withheld.push(Withheld { type_name: type_name.to_owned(), count: 1 }),
    }
}
