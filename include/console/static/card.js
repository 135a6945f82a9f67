// The card on Airflow's home page: what waits for a person. Airflow imports this and brings React.
globalThis["Needs a person"] = () =>
  globalThis.React.createElement("iframe", {
    src: new URL("ops/card", document.baseURI).href,
    title: "Needs a person",
    style: { border: 0, width: "100%", height: "11rem" },
  });
