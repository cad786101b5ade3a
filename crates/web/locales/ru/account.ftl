# The person's own pages
account = Личный кабинет
account-menu = Разделы
account-home = Мой аккаунт
account-contacts = Контакты
account-sessions = Сеансы
account-organisations = Организации
account-methods = Способы входа
account-id = Идентификатор
account-since = Аккаунт создан
contacts-lead = По этим данным вы входите во все продукты.
contact-confirmed = подтверждён
contact-unconfirmed = не подтверждён
contact-none = не указан
sessions-lead = Здесь видны все устройства, на которых вы вошли.
session-device = Устройство
session-place = Сеть
session-started = Вход
session-seen = Активность
session-actions = Действия
session-current = этот сеанс
session-unknown = Неизвестное устройство
session-end = Завершить
session-end-of = Завершить сеанс: { $device }
session-end-others = Завершить все остальные
session-only = Других сеансов нет.
session-delay = Продукты узнают об этом сразу; те, что проверяют токен сами, — не позже чем через { $minutes ->
    [one] { $minutes } минуту
    [few] { $minutes } минуты
   *[other] { $minutes } минут
}.
session-ended = Сеанс завершён.
sessions-ended = Завершено { $count ->
    [one] { $count } сеанс
    [few] { $count } сеанса
   *[other] { $count } сеансов
}.
all-sessions = Все сеансы
manage-contacts = Все контакты
sign-out = Выйти
account-consents = Доступы
consents-lead = Сайты, которым вы разрешили получать данные вашего аккаунта.
consents-none = Вы пока ничего не разрешали.
consent-client = Сайт
consent-allowed = Что доступно
consent-since = С какого времени
consent-withdraw = Отозвать
consent-withdraw-of = Отозвать доступ: { $client }
consent-withdrawn = Доступ отозван.
documents-agreed = Документы
documents-lead = Тексты, с которыми вы согласились.
documents-none = Согласий с документами нет.
document-name = Документ
document-edition = Версия
document-agreed-at = Когда вы согласились
document-client = Продукт
document-standing = Состояние
document-in-force = действует
document-replaced = заменено новой редакцией
document-withdrawn = отозвано
pd-withdraw = Отозвать согласие
pd-withdraw-title = Отозвать согласие на обработку персональных данных?
pd-withdraw-sessions = Вы выйдете на всех устройствах, продукты больше не получат ваших данных.
pd-withdraw-products = Войти в продукты можно будет, когда вы дадите согласие снова: мы спросим о нём при следующем входе.
pd-withdraw-account = Аккаунт не удаляется: его данные остаются у нас и никому не передаются. Об удалении данных просите оператора, который назван в тексте согласия.
pd-withdraw-notice = Мы сообщим об отзыве на все подтверждённые контакты.
pd-withdraw-keep = Оставить как есть
pd-withdrawn = Согласие на обработку персональных данных отозвано.
pd-not-given = Действующего согласия на обработку персональных данных нет.
organisations = Организации
organisations-lead = Организации, от имени которых вы работаете. Продукты, которым это нужно, видят и то, кто подтвердил сведения.
organisations-none = Организаций пока нет.
organisation-proof = Кто подтвердил
organisation-add = Добавить организацию
organisation-remove = Убрать
organisation-remove-of = Убрать: { $name }
organisation-added = Организация добавлена.
organisation-removed = Организация убрана.
proof-stated = указано вами
proof-invitation = приглашение
proof-certificate = сертификат электронной подписи
proof-esia = Госуслуги
proof-administrator = администратор
