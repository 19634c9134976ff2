/** The dashboard's entry: takes a login link's token, then shows the page. */

import { render } from "preact";
import { takeTokenFromLink } from "./api";
import { App } from "./app";
import "uplot/dist/uPlot.min.css";
import "./style.css";
import "./warm.css";

takeTokenFromLink();
render(<App />, document.getElementById("app")!);
