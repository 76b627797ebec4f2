//! `docs/architecture.md` and its picture are made from the code: rooms, levels, what each room says of itself, who uses whom.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use crate::layers::{house, level, room_of, used_rooms};
use crate::page::same;

/// A room as the code has it.
struct Room {
    name: String,
    level: u8,
    /// The first sentence of its own page.
    says: String,
    uses: BTreeSet<String>,
}

fn rooms() -> Vec<Room> {
    let mut rooms: BTreeMap<String, Room> = BTreeMap::new();
    for (file, text) in house() {
        let name = room_of(&file);
        let Some(level) = level(&name) else { continue };
        let new = || Room { name: name.clone(), level, says: String::new(), uses: BTreeSet::new() };
        let room = rooms.entry(name.clone()).or_insert_with(new);
        if file == Path::new(&format!("{name}.rs")) || file == Path::new(&name).join("mod.rs") {
            room.says = first_sentence(&text);
        }
        room.uses
            .extend(used_rooms(&text).into_iter().filter(|used| *used != name && crate::layers::level(used).is_some()));
    }
    let mut rooms: Vec<Room> = rooms.into_values().collect();
    rooms.sort_by(|a, b| (b.level, &a.name).cmp(&(a.level, &b.name)));
    rooms
}

fn first_sentence(text: &str) -> String {
    let head: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim).collect();
    let paragraph: Vec<&str> = head.iter().take_while(|line| !line.is_empty()).copied().collect();
    let paragraph = paragraph.join(" ");
    let end = paragraph.find(". ").unwrap_or(paragraph.trim_end_matches('.').len());
    paragraph[..end].to_owned()
}

/// Width and height of a box and the space around it, in pixels.
const BOX: (usize, usize) = (128, 44);
const GAP: (usize, usize) = (12, 26);

/// A row for each level, the highest at the top.
fn picture(rooms: &[Room]) -> String {
    let levels: BTreeSet<u8> = rooms.iter().map(|room| room.level).collect();
    let widest = levels.iter().map(|l| rooms.iter().filter(|room| room.level == *l).count()).max().unwrap();
    let width = 70 + widest * (BOX.0 + GAP.0);
    let height = levels.len() * (BOX.1 + GAP.1) + GAP.1;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         font-family=\"system-ui, sans-serif\">\n<title>The rooms of neuron by level; a room uses only rooms below it</title>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    );
    for (row, level) in levels.iter().rev().enumerate() {
        let y = GAP.1 / 2 + row * (BOX.1 + GAP.1);
        let middle = y + BOX.1 / 2;
        let _ = writeln!(svg, "<text x=\"12\" y=\"{}\" font-size=\"13\" fill=\"#57606a\">{level}</text>", middle + 5);
        for (column, room) in rooms.iter().filter(|room| room.level == *level).enumerate() {
            let x = 40 + column * (BOX.0 + GAP.0);
            let centre = x + BOX.0 / 2;
            let _ = writeln!(
                svg,
                "<rect x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{}\" rx=\"6\" fill=\"#ddf4ff\" stroke=\"#0969da\"/>\n\
                 <text x=\"{centre}\" y=\"{}\" font-size=\"15\" text-anchor=\"middle\" fill=\"#1f2328\">{}</text>\n\
                 <text x=\"{centre}\" y=\"{}\" font-size=\"11\" text-anchor=\"middle\" fill=\"#57606a\">uses {}</text>",
                BOX.0,
                BOX.1,
                middle - 2,
                room.name,
                middle + 14,
                match room.uses.len() {
                    0 => "none".to_owned(),
                    1 => "1 room".to_owned(),
                    n => format!("{n} rooms"),
                },
            );
        }
        if row + 1 < levels.len() {
            let (from, to) = (y + BOX.1 + 4, y + BOX.1 + GAP.1 - 6);
            let _ = writeln!(svg, "<path d=\"M24 {from} V{to} m-4 -5 l4 5 l4 -5\" fill=\"none\" stroke=\"#57606a\"/>");
        }
    }
    svg.push_str("</svg>\n");
    svg
}

#[test]
fn the_page_of_the_house_and_its_picture_are_those_of_the_code() {
    let rooms = rooms();
    let mut page = "# Architecture\n\nMade from the code. A room is a folder or file below `src`; it uses only rooms of a lower level, \
                    which a test checks in every import. The walk of one prediction through the rooms, an example of each, and \
                    what was decided and why, are on the front page of the library: `cargo doc --open`.\n\n\
                    ![The rooms by level](architecture.svg)\n\n| level | room | what it is | uses |\n|---|---|---|---|\n"
        .to_owned();
    for room in &rooms {
        assert!(!room.says.is_empty(), "`{}` does not say what it is", room.name);
        let uses: Vec<&str> = room.uses.iter().map(String::as_str).collect();
        let _ = writeln!(page, "| {} | `{}` | {} | {} |", room.level, room.name, room.says, uses.join(", "));
    }
    page.push_str(
        "\nA change goes to the lowest room that can know of it: a new rule of scores to `scoring`, a new market to a folder of \
         `market`, a new strategy to a file of `forecast`, a new kind of work to a folder of `subnets` and one line of its registry. \
         Roles and the demonstration name no kind of work; a test says so.\n",
    );
    same("docs/architecture.md", &page);
    same("docs/architecture.svg", &picture(&rooms));
}

#[test]
fn a_first_sentence_ends_at_its_end() {
    assert_eq!(first_sentence("//! One. Two.\n//!\n//! Three\n"), "One");
    assert_eq!(first_sentence("//! One\n//! and a half.\nuse x;"), "One and a half");
    assert_eq!(first_sentence("use x;"), "");
}
