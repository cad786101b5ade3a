# Sign-in. `product` is in the accusative: «Вход в Личный кабинет».
login-title = Вход в { $product }
login-continue = Чтобы продолжить в { $product }
phone = Телефон
email = Email
by-email = По email
by-phone = По телефону
password = Пароль
remember = Не выходить на этом устройстве
login-submit = Войти
no-account = Нет аккаунта?
go-register = Регистрация
or-login = или авторизуйтесь через
or-register = или зарегистрируйтесь через
method-password = Email / Тел
method-certificate = Сертификат
method-esia = Госуслуги
method-telegram = Telegram
have-code = У меня есть код
forgot-password = Забыли пароль?

# Registration
register-title = Регистрация
register-submit = Создать аккаунт
already-created = Уже создан?
go-login = Войти
password-rule = Не короче { $min ->
    [one] { $min } символа
   *[other] { $min } символов
}. Подойдёт фраза из нескольких слов.
pd-consent = Даю <pd-consent>согласие на обработку персональных данных</pd-consent> в соответствии с <pd-policy>Политикой обработки персональных данных</pd-policy>
pd-consent-label = Согласие на обработку персональных данных
register-agreement = Нажимая кнопку «Создать аккаунт», я соглашаюсь с условиями <agreement>Пользовательского соглашения</agreement>

# Confirmation code
back-to-registration = ← Вернуться к началу регистрации
back-to-login = ← Вернуться ко входу
confirm-phone = Подтвердите телефон
confirm-email = Подтвердите email
code-sent-to = Код подтверждения отправлен на
code = Код подтверждения
code-submit = Подтвердить
code-life = Код действует { $minutes ->
    [one] { $minutes } минуту
    [few] { $minutes } минуты
   *[other] { $minutes } минут
}.
no-code = Не получили код?
resend = Отправить повторно
resend-in = Отправить повторно через { $seconds }
resend-without-script = Когда время выйдет, <reload>обновите страницу</reload>.
code-resent = Новый код отправлен.

# Confirmed
phone-confirmed = Телефон подтвержден!
email-confirmed = Email подтвержден!
now-continue = Теперь Вы можете перейти в { $product }
continue-to = Перейти в { $product }
forwarding = Регистрация завершена. Будет осуществлен переход в { $product }.

# Form post
form-post-title = Продолжаем вход
form-post-text = Если переход не начался сам, нажмите кнопку.
form-post-submit = Продолжить
telegram-return = Вход через Telegram
telegram-no-script = Чтобы войти через Telegram, включите в браузере JavaScript или войдите другим способом.
telegram-nothing = Telegram ничего не передал. Начните вход заново или войдите другим способом.
telegram-who = Вы входите как пользователь Telegram:
telegram-not-you = Если это не вы или вы открыли страницу по чужой ссылке, закройте её.
telegram-other = Войти другим способом
telegram-go = Войти
