// preact/compat's memo without preact/compat.

import { Component, type ComponentType, h } from "preact";

export function memo<P extends object>(of: ComponentType<P>, same: (before: P, after: P) => boolean): ComponentType<P> {
  return class Memo extends Component<P> {
    override shouldComponentUpdate(after: P): boolean {
      return !same(this.props as P, after);
    }
    render(props: P) {
      return h(of as ComponentType<object>, props);
    }
  } as unknown as ComponentType<P>;
}
