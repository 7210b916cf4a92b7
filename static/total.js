// Shows the total for the quantity that is typed. Without it "Total and quote" does the same.
for (const form of document.querySelectorAll("form[data-steps]")) {
  const steps = JSON.parse(form.dataset.steps); // [[up to, cents each], …, [null, cents each]]
  const input = form.elements.quantity;
  const output = form.querySelector("output");
  const money = new Intl.NumberFormat("en-US", {
    style: "currency", currency: "USD", minimumFractionDigits: 0, maximumFractionDigits: 2,
  });
  const show = () => {
    const quantity = input.valueAsNumber;
    if (!Number.isInteger(quantity) || quantity < 1) return;
    const [, cents] = steps.find(([upTo]) => upTo === null || quantity <= upTo);
    const each = money.format(cents / 100), total = money.format(cents * quantity / 100);
    output.textContent = `${total} per ${form.dataset.interval}, ${each} each`;
  };
  input.addEventListener("input", show);
  show();
}
