//! What stands in docs/external-clients.md.

pub const DOCS: &str = include_str!("../../../docs/external-clients.md");

/// The text under a heading, up to the next of any level.
pub fn section(heading: &str) -> &'static str {
    let (_, after) = DOCS.split_once(&format!("\n{heading}\n")).expect(heading);
    let end = after.find("\n##").unwrap_or(after.len());
    &after[..end]
}

/// The blocks of indented lines in a text.
fn blocks(text: &str) -> Vec<String> {
    let mut blocks = vec![String::new()];
    for line in text.lines() {
        let last = blocks.last_mut().expect("a block");
        match line.strip_prefix("    ") {
            Some(line) => {
                last.push_str(line);
                last.push('\n');
            }
            None if line.is_empty() && !last.is_empty() => last.push('\n'),
            None if last.is_empty() => (),
            None => blocks.push(String::new()),
        }
    }
    blocks.retain(|block| !block.is_empty());
    blocks
}

/// The file of this name: the block that begins with it as a comment.
pub fn file(name: &str) -> String {
    let head = format!("# {name}\n");
    let mut found = blocks(DOCS);
    found.retain(|block| block.starts_with(&head));
    assert_eq!(found.len(), 1, "{name}");
    found.remove(0)
}

/// The JSON in a section.
pub fn json(heading: &str) -> serde_json::Value {
    let mut found = blocks(section(heading));
    found.retain(|block| block.starts_with('{'));
    assert_eq!(found.len(), 1, "{heading}");
    serde_json::from_str(&found[0]).expect("JSON")
}

/// The lines to type in a section.
pub fn lines(heading: &str) -> Vec<&'static str> {
    let lines = section(heading).lines();
    lines
        .filter_map(|line| line.strip_prefix("    $ "))
        .collect()
}

/// Every line to type is under a heading whose lines a test types.
#[test]
fn no_line_to_type_is_left_out() {
    let typed = [
        "## restic in a container",
        "## restic on the VM",
        "## rustic",
    ];
    let known: usize = typed.map(|heading| lines(heading).len()).iter().sum();
    assert_eq!(known, DOCS.matches("\n    $ ").count());
}
