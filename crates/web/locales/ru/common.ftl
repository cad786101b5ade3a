# Words of every page.
skip-to-content = Перейти к содержанию
language = Язык
help = Помощь
support = Поддержка
required = обязательное поле
error-prefix = Ошибка: { $title }
page-title = { $title } · { $product }
summary-fields = Проверьте { $count ->
    [one] поле
   *[other] поля
}:
show-password = Показать пароль
hide-password = Скрыть пароль
caps-lock = Включён Caps Lock.
busy = Подождите…
new-tab = откроется в новой вкладке
security-notice = Никому не сообщайте пароль и коды.

# Dates; times are in UTC where no script runs.
date = { $day } { $month ->
    [1] января
    [2] февраля
    [3] марта
    [4] апреля
    [5] мая
    [6] июня
    [7] июля
    [8] августа
    [9] сентября
    [10] октября
    [11] ноября
   *[12] декабря
} { $year }
date-time = { date }, { $time }
