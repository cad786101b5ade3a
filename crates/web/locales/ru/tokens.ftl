# API tokens in the cabinet
account-tokens = Токены API
api-tokens-lead = Токен API нужен программе, которая работает от вашего имени без вашего участия: выгрузке, обмену, расширению 1С.
api-tokens-none = Токенов пока нет.
api-tokens-no-clients = Пока ни один продукт не принимает токены API.
api-token-scope = Что доступно
api-token-until = Действует до
api-token-over = истёк
api-token-used = Последнее обращение
api-token-unused = не было
api-token-revoke = Отозвать
api-token-revoke-of = Отозвать токен: { $name }
api-token-revoked = Токен отозван.
api-token-delay = Отозванный токен сразу перестаёт действовать; в продуктах, которые проверяют доступ сами, — не позже чем через { $minutes ->
    [one] { $minutes } минуту
    [few] { $minutes } минуты
   *[other] { $minutes } минут
}.
api-token-new = Новый токен
token-name = Название
token-name-hint = Чтобы узнать его в списке: например, «Выгрузка на сервере бухгалтерии»
scope = Что будет доступно
api-token-client = В каком продукте
api-token-client-any = Во всех, которые принимают токены
api-token-organisation = От имени организации
api-token-organisation-none = Без организации
days = Срок действия, дней
days-hint = Не больше { $max }. За неделю до конца мы напомним.
networks = С каких адресов
networks-hint = Адреса или подсети через запятую: 203.0.113.7, 198.51.100.0/24. Пусто: с любых.
api-token-make = Создать токен
api-token-made = Токен «{ $name }» создан
api-token-once = Скопируйте его сейчас и сохраните в программе: больше мы его не покажем. Кто знает токен, действует от вашего имени.
api-token-kept = Токен сохранён
token-fresh = Введите пароль, чтобы создать токен API «{ $name }».
token-name-invalid = Введите название до 100 символов
api-token-scope-missing = Отметьте хотя бы одно
client-invalid = Этот продукт больше не принимает токены API
organisation-invalid = Такой организации у вас больше нет
days-invalid = Введите число от 1 до { $max }
networks-invalid = Адрес или подсеть не распознаны: введите, как 203.0.113.7 или 198.51.100.0/24
networks-many = Не больше { $max } адресов и подсетей
api-tokens-many = У вас слишком много токенов: сначала отзовите ненужные.
