//! How many tests passed and failed, read off what the test runners print.

/// Counts of one part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub passed: u64,
    pub failed: u64,
    pub ignored: u64,
}

impl Tally {
    /// Adds one line of cargo's test output, if it is a closing line.
    pub fn read_cargo(&mut self, line: &str) {
        let Some((_, counts)) = line.split_once("test result:") else {
            return;
        };
        for item in counts.split(['.', ';']) {
            self.add(item);
        }
    }

    /// Takes a line that is `N passed, N failed` and nothing else; the last one of a run holds.
    pub fn read_plain(&mut self, line: &str) {
        let mut seen = Self::default();
        line.trim().split(',').for_each(|item| seen.add(item));
        if line.trim() == format!("{} passed, {} failed", seen.passed, seen.failed) {
            *self = seen;
        }
    }

    fn add(&mut self, item: &str) {
        let Some((count, what)) = item.trim().split_once(' ') else {
            return;
        };
        let Ok(count) = count.parse::<u64>() else { return };
        match what {
            "passed" => self.passed += count,
            "failed" => self.failed += count,
            "ignored" => self.ignored += count,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_lines_of_several_test_binaries_add_up() {
        let mut tally = Tally::default();
        tally.read_cargo(
            "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s",
        );
        tally.read_cargo("test a_name_with_passed ... ok");
        tally.read_cargo("test result: FAILED. 3 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out");
        assert_eq!(tally, Tally { passed: 15, failed: 2, ignored: 1 });
    }

    #[test]
    fn of_plain_closing_lines_the_last_one_holds() {
        let mut tally = Tally::default();
        tally.read_plain("3 passed, 1 failed");
        tally.read_plain("openid-client: passed");
        tally.read_plain("4 passed, 0 failed");
        tally.read_plain("failed: a check that passed, 2 failed");
        assert_eq!(tally, Tally { passed: 4, failed: 0, ignored: 0 });
    }
}
