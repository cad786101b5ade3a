# Words of every page.
skip-to-content = Skip to content
language = Language
help = Help
support = Support
required = required
error-prefix = Error: { $title }
page-title = { $title } · { $product }
summary-fields = Please check:
show-password = Show password
hide-password = Hide password
caps-lock = Caps Lock is on.
busy = Please wait…
new-tab = opens in a new tab
security-notice = Never share your password or codes.

# Dates; times are in UTC where no script runs.
date = { $day } { $month ->
    [1] January
    [2] February
    [3] March
    [4] April
    [5] May
    [6] June
    [7] July
    [8] August
    [9] September
    [10] October
    [11] November
   *[12] December
} { $year }
date-time = { date }, { $time }
