//! A version's lineage: what it was made of, as a table by class, as a graph, and the graph's edges as a table.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    Page, Room,
    version_head::{Tab, VersionHead},
    version_new::lineage_fields,
};
use crate::kit::{
    ErrorSummary, Fact, Facts, Graph, GraphEdge, GraphNode, Link, LinkView, Notice, NoticeBox, Region, Requirement,
    Section, Tasks, Tone,
};

/// A version's lineage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineageView {
    /// The shared head.
    pub head: VersionHead,
    /// Fields that the lineage lacks, one by one.
    pub missing: Vec<Requirement>,
    /// The fields by class, in reading order; a field that is lacking has a [`crate::kit::Value::Missing`].
    pub classes: Vec<LineageClass>,
    /// Nodes of the graph.
    pub nodes: Vec<GraphNode>,
    /// Its edges.
    pub edges: Vec<GraphEdge>,
    /// Address of the reproduction manifest.
    pub manifest_href: String,
    /// Comparisons with parents and champions.
    pub compare: Vec<Link>,
    /// Versions that name this one as a parent, the latest first.
    pub children: Vec<Link>,
    /// Where the rest of them is.
    pub more_children: Option<Link>,
    /// The form to amend the lineage, where the reader may: the lineage as typed or as it is.
    pub amend: Option<String>,
    /// Why the form was not accepted.
    pub errors: Option<ErrorSummary>,
}

/// The fields of one class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineageClass {
    /// The class: Code, Data, Features and so on.
    pub title: String,
    /// Its fields.
    pub facts: Vec<Fact>,
}

impl Page for LineageView {
    fn title(&self) -> String {
        self.head.page_title(Tab::Lineage)
    }

    fn room(&self) -> Option<Room> {
        Some(Room::Models)
    }

    fn crumbs(&self) -> Vec<Link> {
        self.head.crumbs()
    }

    fn errors(&self) -> Option<&ErrorSummary> {
        self.errors.as_ref()
    }

    fn body(self) -> AnyView {
        let head = self.head;
        let missing = if self.missing.is_empty() {
            let notice = Notice::new(Tone::Good, "The lineage is complete: this version can be rebuilt from it.");
            view! { <NoticeBox notice /> }.into_any()
        } else {
            view! {
                <Section id="missing" title="What the lineage lacks" about="Complete lineage is required to leave None.">
                    <div class="panel">
                        <div class="in">
                            <Tasks requirements=self.missing />
                        </div>
                    </div>
                </Section>
            }
            .into_any()
        };
        let names: Vec<(String, String)> =
            self.nodes.iter().map(|node| (node.id.clone(), format!("{} {}", node.kind.title(), node.label))).collect();
        let edges = edge_table(&self.edges, &names);
        let classes = self
            .classes
            .into_iter()
            .map(|class| {
                view! {
                    <section class="stack">
                        <h3>{class.title}</h3>
                        <Facts facts=class.facts />
                    </section>
                }
            })
            .collect_view();
        let children = if self.children.is_empty() {
            view! { <p class="quiet">"No version names this one as a parent."</p> }.into_any()
        } else {
            let links = self.children.into_iter().chain(self.more_children);
            view! {
                <ul class="cluster" role="list">
                    {links.map(|link| view! { <li><LinkView link /></li> }).collect_view()}
                </ul>
            }
            .into_any()
        };
        let manifest = self.manifest_href;
        let amend = self.amend.map(|lineage| amend_form(&head, lineage, self.errors.as_ref()));
        view! {
            {head.view(Tab::Lineage)}
            {missing}
            <Section id="graph" title="What it was made of, and where it went">
                <div class="stack">
                    <Graph nodes=self.nodes edges=self.edges label="Lineage graph" />
                    {edges}
                </div>
            </Section>
            <Section id="children" title="Versions made from it">
                {children}
            </Section>
            <Section id="fields" title="Every field" more=Link::new("Reproduction manifest (JSON)", manifest)>
                <div class="columns half">{classes}</div>
                {(!self.compare.is_empty())
                    .then(|| {
                        view! {
                            <p class="cluster">
                                "Compare with"
                                {self.compare.into_iter().map(|link| view! { <a href=link.href>{link.label}</a> }).collect_view()}
                            </p>
                        }
                    })}
            </Section>
            {amend}
        }
        .into_any()
    }
}

fn edge_table(edges: &[GraphEdge], names: &[(String, String)]) -> AnyView {
    let name =
        |id: &str| names.iter().find(|(node, _)| node == id).map_or_else(|| id.to_owned(), |(_, name)| name.clone());
    let rows = edges
        .iter()
        .map(|edge| {
            view! {
                <tr>
                    <td>{name(&edge.from)}</td>
                    <td>{edge.relation.clone()}</td>
                    <td>{name(&edge.to)}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <details class="fold">
            <summary>"The graph as a table"</summary>
            <Region label="Edges of the lineage graph">
                <table>
                    <thead>
                        <tr>
                            <th scope="col">"From"</th>
                            <th scope="col">"Relation"</th>
                            <th scope="col">"To"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </Region>
        </details>
    }
    .into_any()
}

fn amend_form(head: &VersionHead, lineage: String, errors: Option<&ErrorSummary>) -> AnyView {
    let fields = lineage_fields(lineage, errors);
    let is_refused = errors.is_some();
    let (action, revision) = (format!("{}/lineage", head.href()), head.revision_field());
    view! {
        <Section id="amend" title="Amend the lineage" about="Possible while the version stands at None. Evidence stays bound to the digests it was made for.">
            <details class="fold no-print" open=is_refused>
                <summary>"Edit"</summary>
                <form class="form" method="post" action=action enctype="multipart/form-data">
                    {revision}
                    {fields}
                    <button class="button primary" type="submit">
                        "Save the lineage"
                    </button>
                </form>
            </details>
        </Section>
    }
    .into_any()
}
