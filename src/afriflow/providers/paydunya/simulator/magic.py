"""What the end of a phone number decides, in SoftPay and in payouts; any other number waits for the person."""

# What the last three digits of a national number say.
DECLINED, NO_FUNDS, STUCK, NO_IPN, TWO_IPNS, EARLY_IPN, ERROR_500, HTML, TIMEOUT, SLOW = (
    "001", "002", "003", "004", "005", "006", "007", "008", "009", "010",
)  # fmt: skip
# The words for them are the kit's, in the section `ending` of the languages.
ENDINGS = {
    DECLINED: "declined",
    NO_FUNDS: "no_funds",
    STUCK: "stuck",
    NO_IPN: "untold",
    TWO_IPNS: "told_twice",
    EARLY_IPN: "told_early",
    ERROR_500: "paid_but_error",
    HTML: "paid_but_page",
    TIMEOUT: "paid_but_silent",
    SLOW: "slow",
}
# A payer, or an operator, takes a moment.
DECIDED_AFTER_SECONDS = 1
SLOW_SECONDS = 30
# Longer than any caller waits (the documented advice is 45 s).
TIMEOUT_SECONDS = 90
# What only payouts have: success without a status, a first submission that meets PayDunya's maintenance.
NO_STATUS, MAINTENANCE = "011", "012"
