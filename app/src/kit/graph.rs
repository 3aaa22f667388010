//! The lineage graph: laid out here in layers, drawn as SVG with real links. The page shows the same edges as a table.

use std::collections::HashMap;

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

/// What a node of the graph is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum NodeKind {
    /// A dataset at a version or partition.
    Dataset,
    /// A feature set.
    Features,
    /// A commit.
    Code,
    /// A container image.
    Image,
    /// A training run.
    Run,
    /// The serialised model.
    Weights,
    /// A version of the model.
    Version,
    /// A market where a version serves.
    Deployment,
}

impl NodeKind {
    /// The kind in words.
    pub fn title(self) -> &'static str {
        match self {
            Self::Dataset => "Dataset",
            Self::Features => "Feature set",
            Self::Code => "Code",
            Self::Image => "Image",
            Self::Run => "Training run",
            Self::Weights => "Weights",
            Self::Version => "Version",
            Self::Deployment => "Deployment",
        }
    }
}

/// A node of the graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphNode {
    /// Unique in the graph.
    pub id: String,
    /// What it is.
    pub kind: NodeKind,
    /// Its name.
    pub label: String,
    /// Where to read more about it.
    pub href: Option<String>,
    /// Whether it is the version that the page is about.
    pub is_subject: bool,
    /// Whether the lineage lacks it.
    pub is_missing: bool,
}

/// An arrow from an input to what was made of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphEdge {
    /// Id of the input.
    pub from: String,
    /// Id of what was made of it.
    pub to: String,
    /// The relation, such as "trained on".
    pub relation: String,
}

const WIDTH: usize = 176;
const HEIGHT: usize = 46;
const ACROSS: usize = 60;
const DOWN: usize = 16;
const MARGIN: usize = 8;
const LABEL_CHARS: usize = 23;

struct Placed {
    node: GraphNode,
    x: usize,
    y: usize,
}

/// Longest path from a source, for each node; a cycle stops growing after as many rounds as there are nodes.
fn layers(nodes: &[GraphNode], edges: &[GraphEdge]) -> Vec<usize> {
    let index: HashMap<&str, usize> = nodes.iter().enumerate().map(|(i, node)| (node.id.as_str(), i)).collect();
    let mut layer = vec![0; nodes.len()];
    for _ in 0..nodes.len() {
        let mut moved = false;
        for edge in edges {
            if let (Some(&from), Some(&to)) = (index.get(edge.from.as_str()), index.get(edge.to.as_str()))
                && layer[to] <= layer[from]
                && layer[from] + 1 < nodes.len()
            {
                layer[to] = layer[from] + 1;
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    layer
}

fn place(nodes: Vec<GraphNode>, edges: &[GraphEdge]) -> (Vec<Placed>, usize, usize) {
    let layer = layers(&nodes, edges);
    let depth = layer.iter().max().map_or(0, |deepest| deepest + 1);
    let tallest = (0..depth).map(|at| layer.iter().filter(|&&l| l == at).count()).max().unwrap_or(0);
    let height = (tallest * (HEIGHT + DOWN)).saturating_sub(DOWN) + 2 * MARGIN;
    let width = (depth * (WIDTH + ACROSS)).saturating_sub(ACROSS) + 2 * MARGIN;
    let mut filled = vec![0; depth];
    let counts: Vec<usize> = (0..depth).map(|at| layer.iter().filter(|&&l| l == at).count()).collect();
    let placed = nodes
        .into_iter()
        .zip(layer)
        .map(|(node, at)| {
            let row = filled[at];
            filled[at] += 1;
            let column_height = (counts[at] * (HEIGHT + DOWN)).saturating_sub(DOWN);
            let top = (height - column_height) / 2;
            Placed { node, x: MARGIN + at * (WIDTH + ACROSS), y: top + row * (HEIGHT + DOWN) }
        })
        .collect();
    (placed, width, height)
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= LABEL_CHARS {
        text.to_owned()
    } else {
        text.chars().take(LABEL_CHARS - 1).chain(['…']).collect()
    }
}

/// The graph as a drawing.
#[component]
pub fn Graph(
    /// Nodes; within a layer they are drawn from top to bottom in this order.
    nodes: Vec<GraphNode>,
    /// Arrows between them.
    edges: Vec<GraphEdge>,
    /// What the drawing shows.
    #[prop(into)]
    label: String,
) -> impl IntoView {
    let (placed, width, height) = place(nodes, &edges);
    let at: HashMap<String, (usize, usize)> =
        placed.iter().map(|placed| (placed.node.id.clone(), (placed.x, placed.y))).collect();
    let arrows = edges
        .into_iter()
        .filter_map(|edge| {
            let (&(from_x, from_y), &(to_x, to_y)) = (at.get(&edge.from)?, at.get(&edge.to)?);
            let (x1, y1, x2, y2) = (from_x + WIDTH, from_y + HEIGHT / 2, to_x, to_y + HEIGHT / 2);
            // Straight on past the layers between, then one bend in the last gap.
            let turn = x1.max(x2.saturating_sub(ACROSS));
            let middle = x2.saturating_sub(ACROSS / 2);
            let curve = format!("M{x1} {y1}H{turn}C{middle} {y1} {middle} {y2} {} {y2}", x2.saturating_sub(6));
            let tip = format!("M{x2} {y2}l-7 -4v8z");
            Some(view! {
                <path class="edge" d=curve />
                <path class="tip" d=tip />
            })
        })
        .collect_view();
    let boxes = placed.into_iter().map(node_view).collect_view();
    view! {
        <div class="scroll graph" role="region" tabindex="0" aria-label=label>
            <svg viewBox=format!("0 0 {width} {height}") role="group">
                <g aria-hidden="true">{arrows}</g>
                {boxes}
            </svg>
        </div>
    }
}

fn node_view(placed: Placed) -> AnyView {
    let Placed { node, x, y } = placed;
    let class = match (node.is_subject, node.is_missing) {
        (true, _) => "node self",
        (_, true) => "node lost",
        _ => "node",
    };
    let title = format!("{}: {}", node.kind.title(), node.label);
    let inner = view! {
        <title>{title}</title>
        <rect x=x y=y width=WIDTH height=HEIGHT rx="4" />
        <text class="kind" x=x + 12 y=y + 18>
            {node.kind.title()}
        </text>
        <text x=x + 12 y=y + 35>
            {shortened(&node.label)}
        </text>
    };
    match node.href {
        Some(href) => view! { <a class=class href=href>{inner}</a> }.into_any(),
        None => view! { <g class=class>{inner}</g> }.into_any(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: &str) -> GraphNode {
        GraphNode {
            id: id.to_owned(),
            kind: NodeKind::Dataset,
            label: id.to_owned(),
            href: None,
            is_subject: false,
            is_missing: false,
        }
    }

    fn edge(from: &str, to: &str) -> GraphEdge {
        GraphEdge { from: from.to_owned(), to: to.to_owned(), relation: String::new() }
    }

    #[test]
    fn what_is_made_of_something_stands_to_its_right() {
        let nodes = [node("version"), node("run"), node("data"), node("code")];
        let edges = [edge("data", "run"), edge("code", "run"), edge("run", "version"), edge("data", "version")];
        assert_eq!(layers(&nodes, &edges), [2, 1, 0, 0]);
    }

    #[test]
    fn a_cycle_ends() {
        let nodes = [node("a"), node("b")];
        let edges = [edge("a", "b"), edge("b", "a")];
        assert!(layers(&nodes, &edges).iter().all(|&layer| layer < 2));
    }

    #[test]
    fn an_arrow_to_nowhere_is_left_out() {
        let (placed, width, height) = place(vec![node("a")], &[edge("a", "gone")]);
        assert_eq!((placed.len(), width, height), (1, WIDTH + 2 * MARGIN, HEIGHT + 2 * MARGIN));
    }
}
